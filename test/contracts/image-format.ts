import { describe, expect, test } from "vitest";
import type { RowLayout } from "../../src/exporters/row.ts";
import type { ImageFormat, ImagePair, ImagePlace } from "../../src/exporters/image-format.ts";
import { asyncRows, exportRow, imageCell } from "./rows.ts";

const LAYOUT: RowLayout = { fields: "full", seedFormat: "number", omitted: [] };

/** A pair as the export stage gives it to formats; the images' bytes are any. */
export function imagePair(number: number, pair: Partial<ImagePair> = {}): ImagePair {
  const hex = (index: number): string => String(index).padStart(32, "0");
  const cell = (index: number) => ({
    ...imageCell(index, { imageId: `i_${hex(index)}` }),
    image: { bytes: Buffer.from(`image ${index}`), extension: "png", done: () => undefined },
  });
  return {
    id: `d_${hex(number)}`,
    row: exportRow(number),
    chosen: cell(2 * number),
    rejected: cell(2 * number + 1),
    margin: 0.5,
    examples: 1,
    ...pair,
  };
}

/** The files that a format writes, by path. */
export async function filesOf(
  format: ImageFormat,
  pairs: AsyncIterable<ImagePair>,
  place: Partial<ImagePlace> = {},
): Promise<ReadonlyMap<string, Buffer>> {
  const files = new Map<string, Buffer>();
  await format.write(pairs, {
    split: "train",
    layout: LAYOUT,
    filePath: (extension) => `${format.format}/train-00000-of-00001.${extension}`,
    async write(path, chunks) {
      if (files.has(path)) throw new Error(`${path} was written twice`);
      files.set(path, Buffer.alloc(0));
      const parts: Uint8Array[] = [];
      // Copies: their memory may be used again.
      for await (const chunk of chunks) parts.push(...(chunk instanceof Uint8Array ? [chunk] : chunk).map((piece) => Buffer.from(piece)));
      files.set(path, Buffer.concat(parts));
    },
    ...place,
  });
  return files;
}

/** What every format with images promises. */
export function imageFormatContract(name: string, open: () => Promise<ImageFormat>): void {
  describe(`image format ${name}`, () => {
    const pairs = [0, 1, 2, 3, 4].map((number) => imagePair(number));

    test("has the name that it is registered under, and keeps to a folder of that name", async () => {
      const format = await open();
      expect(format.format).toBe(name);
      const paths = [...(await filesOf(format, asyncRows(pairs))).keys()];
      expect(paths.length).toBeGreaterThan(0);
      expect(paths.filter((path) => !path.startsWith(`${name}/`))).toEqual([]);
      expect(paths.filter((path) => !/^[A-Za-z0-9._/-]+$/.test(path))).toEqual([]);
    });

    test("holds the bytes of both images of every pair", async () => {
      const all = Buffer.concat([...(await filesOf(await open(), asyncRows(pairs))).values()]);
      for (const { chosen, rejected } of pairs) {
        expect(all.includes(Buffer.from(chosen.image.bytes))).toBe(true);
        expect(all.includes(Buffer.from(rejected.image.bytes))).toBe(true);
      }
    });

    test("gives the memory of each image back once for each pair, and not before it is written", async () => {
      const done: number[] = [];
      // Long enough to be passed on as they lie.
      const longPair = (number: number, onDone: (index: number, bytes: Buffer) => void): ImagePair => {
        const { chosen, rejected, ...pair } = imagePair(number);
        const long = (cell: ImagePair["chosen"], index: number): ImagePair["chosen"] => {
          const bytes = Buffer.alloc(100_000, index);
          return { ...cell, image: { ...cell.image, bytes, done: () => onDone(index, bytes) } };
        };
        return { ...pair, chosen: long(chosen, 2 * number), rejected: long(rejected, 2 * number + 1) };
      };
      const format = await open();
      const kept = await filesOf(format, asyncRows([0, 1, 2].map((number) => longPair(number, () => undefined))));
      const reused = await filesOf(
        format,
        asyncRows(
          [0, 1, 2].map((number) =>
            longPair(number, (index, bytes) => {
              done.push(index);
              bytes.fill(0xff);
            }),
          ),
        ),
      );
      expect([...reused]).toEqual([...kept]);
      expect(done.toSorted((first, second) => first - second)).toEqual([0, 1, 2, 3, 4, 5]);
    });

    test("gives the same bytes to the same pairs, however slowly they come, and others to others", async () => {
      const format = await open();
      const first = await filesOf(format, asyncRows(pairs));
      const slowly = await filesOf(
        format,
        asyncRows(pairs, () => new Promise((resolve) => setImmediate(resolve))),
      );
      expect([...slowly]).toEqual([...first]);
      const others = [imagePair(0, { row: exportRow(0, { prompt: "another" }) }), ...pairs.slice(1)];
      expect([...(await filesOf(format, asyncRows(others)))]).not.toEqual([...first]);
    });

    test("throws what the pairs throw", async () => {
      const failure = new Error("the source broke");
      const broken = async function* (): AsyncGenerator<ImagePair> {
        yield imagePair(1);
        throw failure;
      };
      await expect(filesOf(await open(), broken())).rejects.toBe(failure);
    });

    test("takes pairs no faster than their bytes are written", async () => {
      let read = 0;
      const bytes = Buffer.alloc(4 * 1024 * 1024);
      const endless = async function* (): AsyncGenerator<ImagePair> {
        for (;;) {
          const pair = imagePair(read++);
          yield { ...pair, chosen: { ...pair.chosen, image: { ...pair.chosen.image, bytes } } };
        }
      };
      const enough = new Error("enough");
      const write: ImagePlace["write"] = async (_path, chunks, kind) => {
        if (kind === "image" && read > 20) throw enough;
        let taken = 0;
        for await (const chunk of chunks) {
          for (const { length } of chunk instanceof Uint8Array ? [chunk] : chunk) taken += length;
          if (taken > 64 * 1024 * 1024) throw enough;
        }
      };
      await expect(filesOf(await open(), endless(), { write })).rejects.toBe(enough);
      expect(read).toBeLessThan(40);
    });
  });
}
