import { describe, expect, test } from "vitest";
import type { EncodeOptions, Exporter, ImageCell, Row, RowLayout } from "../../src/exporters/row.ts";

const FULL: RowLayout = { fields: "full", seedFormat: "number", omitted: [] };

/** An image as stages hand it to exporters. */
export function imageCell(number: number, cell: Partial<ImageCell> = {}): ImageCell {
  return {
    uri: `s3://bucket/prefix/images/000/i_${number}.png`,
    seed: String(number),
    batchIndex: 0,
    imageId: `i_${number}`,
    sha256: String(number).padStart(64, "0"),
    widthPx: 64,
    heightPx: 48,
    variant: "base",
    model: "sd15.safetensors",
    params: '{"cfg":7}',
    score: 0.5,
    scores: '{"quality":0.5}',
    ...cell,
  };
}

/** A row as stages hand it to exporters. */
export function exportRow(number: number, row: Partial<Row> = {}): Row {
  return {
    id: `d_${String(number).padStart(8, "0")}`,
    prompt: `a picture of ${number}`,
    chosen: imageCell(2 * number, { score: 1 }),
    rejected: [imageCell(2 * number + 1, { score: 0.25 })],
    promptKey: `p_${number}`,
    negativePrompt: "",
    criterion: "overall",
    source: "people",
    margin: 0.75,
    agreement: 1,
    nVotes: 3,
    nCandidates: 4,
    references: [],
    meta: "{}",
    ...row,
  };
}

/** What every exporter promises to the export stage, at every setting that a format is asked for. */
export function exporterContract(name: string, open: () => Promise<Exporter>): void {
  describe.each([false, true])(`${name} keeps the contract of exporters, gzip %s`, (gzip) => {
    const options: EncodeOptions = { layout: FULL, gzip };
    const rows = [exportRow(1), exportRow(2, { prompt: 'ünïcödé 猫 \u2028 "quoted"\n\ud800' }), exportRow(3, { margin: null })];

    test("has the name that it is registered under and an extension without a dot", async () => {
      const exporter = await open();
      expect(exporter.format).toBe(name);
      expect(exporter.extension({ gzip })).toMatch(/^[a-z0-9]+(\.[a-z0-9]+)*$/);
    });

    test("gives the same bytes to the same rows, however slowly they come", async () => {
      const exporter = await open();
      const first = await bytesOf(exporter.encode(asyncRows(rows), options));
      const second = await bytesOf(
        exporter.encode(
          asyncRows(rows, () => new Promise((resolve) => setImmediate(resolve))),
          options,
        ),
      );
      expect(first.length).toBeGreaterThan(0);
      expect(second.equals(first)).toBe(true);
    });

    test("gives other bytes where a row, its place or the layout is another", async () => {
      const exporter = await open();
      const encode = (given: readonly Row[], layout: RowLayout = FULL) => bytesOf(exporter.encode(asyncRows(given), { layout, gzip }));
      const all = await Promise.all([
        encode(rows),
        encode(rows.toReversed()),
        encode(rows.slice(1)),
        encode([exportRow(1, { nVotes: 2 }), ...rows.slice(1)]),
        encode(rows, { ...FULL, fields: "minimal" }),
        encode(rows, { ...FULL, seedFormat: "string" }),
        encode(rows, { ...FULL, omitted: ["agreement"] }),
      ]);
      expect(new Set(all.map((bytes) => bytes.toString("base64"))).size).toBe(all.length);
    });

    test("throws what the rows throw", async () => {
      const exporter = await open();
      const failure = new Error("the source broke");
      const broken = async function* (): AsyncGenerator<Row> {
        yield exportRow(1);
        throw failure;
      };
      await expect(bytesOf(exporter.encode(broken(), options))).rejects.toBe(failure);
    });

    test("reads rows no faster than its bytes are taken", async () => {
      const exporter = await open();
      let read = 0;
      // Random-looking text of 4 KiB a row: neither chunks nor compression swallow many of them.
      const endless = async function* (): AsyncGenerator<Row> {
        for (;;) yield exportRow(read, { meta: noise(read++) });
      };
      const chunks = exporter.encode(endless(), options)[Symbol.asyncIterator]();
      for (let taken = 0; taken < 3; taken++) expect((await chunks.next()).done).toBe(false);
      for (let turn = 0; turn < 200; turn++) await new Promise((resolve) => setImmediate(resolve));
      expect(read).toBeLessThan(500);
      await chunks.return?.();
      const readAtEnd = read;
      for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
      expect(read - readAtEnd).toBeLessThan(50);
    });
  });
}

/** Rows, or pairs, as the export stage gives them. */
export async function* asyncRows<Item>(
  rows: readonly Item[],
  wait: () => Promise<unknown> = () => Promise.resolve(),
): AsyncGenerator<Item> {
  for (const row of rows) {
    await wait();
    yield row;
  }
}

/** The bytes of a file. */
export async function bytesOf(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(chunks));
}

/** 4 KiB that do not compress well, the same for the same number. */
function noise(number: number): string {
  let state = number + 1;
  const digits = Array.from({ length: 512 }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state.toString(16).padStart(8, "0");
  });
  return `{"noise":"${digits.join("")}"}`;
}
