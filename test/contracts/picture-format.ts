import { describe, expect, test } from "vitest";
import type { RowLayout } from "../../src/exporters/exporter.ts";
import type { PictureFormat, PicturePair, PicturePlace } from "../../src/exporters/picture-format.ts";
import { asyncRows, exportRow, imageCell } from "./exporter.ts";

const LAYOUT: RowLayout = { fields: "full", seedFormat: "number", omitted: [] };

/** A pair as the export stage gives it to formats; the pictures' bytes are any. */
export function picturePair(number: number, pair: Partial<PicturePair> = {}): PicturePair {
  const hex = (index: number): string => String(index).padStart(32, "0");
  const cell = (index: number) => ({
    ...imageCell(index, { imageId: `i_${hex(index)}` }),
    picture: { bytes: Buffer.from(`picture ${index}`), extension: "png", done: () => undefined },
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
  format: PictureFormat,
  pairs: AsyncIterable<PicturePair>,
  place: Partial<PicturePlace> = {},
): Promise<ReadonlyMap<string, Buffer>> {
  const files = new Map<string, Buffer>();
  await format.write(pairs, {
    split: "train",
    layout: LAYOUT,
    shardPath: (extension) => `${format.format}/train-00000-of-00001.${extension}`,
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

/** What every format with pictures promises. */
export function pictureFormatContract(name: string, open: () => Promise<PictureFormat>): void {
  describe(`picture format ${name}`, () => {
    const pairs = [0, 1, 2, 3, 4].map((number) => picturePair(number));

    test("has the name that it is registered under, and keeps to a folder of that name", async () => {
      const format = await open();
      expect(format.format).toBe(name);
      const paths = [...(await filesOf(format, asyncRows(pairs))).keys()];
      expect(paths.length).toBeGreaterThan(0);
      expect(paths.filter((path) => !path.startsWith(`${name}/`))).toEqual([]);
      expect(paths.filter((path) => !/^[A-Za-z0-9._/-]+$/.test(path))).toEqual([]);
    });

    test("holds the bytes of both pictures of every pair", async () => {
      const all = Buffer.concat([...(await filesOf(await open(), asyncRows(pairs))).values()]);
      for (const { chosen, rejected } of pairs) {
        expect(all.includes(Buffer.from(chosen.picture.bytes))).toBe(true);
        expect(all.includes(Buffer.from(rejected.picture.bytes))).toBe(true);
      }
    });

    test("gives the memory of each picture back once for each pair, and not before it is written", async () => {
      const done: number[] = [];
      // Long enough to be passed on as they lie.
      const longPair = (number: number, onDone: (index: number, bytes: Buffer) => void): PicturePair => {
        const { chosen, rejected, ...pair } = picturePair(number);
        const long = (cell: PicturePair["chosen"], index: number): PicturePair["chosen"] => {
          const bytes = Buffer.alloc(100_000, index);
          return { ...cell, picture: { ...cell.picture, bytes, done: () => onDone(index, bytes) } };
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
      const others = [picturePair(0, { row: exportRow(0, { prompt: "another" }) }), ...pairs.slice(1)];
      expect([...(await filesOf(format, asyncRows(others)))]).not.toEqual([...first]);
    });

    test("throws what the pairs throw", async () => {
      const failure = new Error("the source broke");
      const broken = async function* (): AsyncGenerator<PicturePair> {
        yield picturePair(1);
        throw failure;
      };
      await expect(filesOf(await open(), broken())).rejects.toBe(failure);
    });

    test("takes pairs no faster than their bytes are written", async () => {
      let read = 0;
      const bytes = Buffer.alloc(4 * 1024 * 1024);
      const endless = async function* (): AsyncGenerator<PicturePair> {
        for (;;) {
          const pair = picturePair(read++);
          yield { ...pair, chosen: { ...pair.chosen, picture: { ...pair.chosen.picture, bytes } } };
        }
      };
      const enough = new Error("enough");
      const write: PicturePlace["write"] = async (_path, chunks, kind) => {
        if (kind === "picture" && read > 20) throw enough;
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
