import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { frontRows } from "../../../../src/stages/export/rows/plan-rows.ts";
import { dataPath, rowsPerFile } from "../../../../src/stages/export/rows/split-files.ts";
import { readVersion } from "../exported.ts";
import { openFixture, type FixtureRow } from "../fixture-database.ts";

const sorted = (ids: readonly string[]): readonly string[] => ids.toSorted();

describe("the order of rows", () => {
  test("is that of their ids, however they came", async () => {
    await using fixture = await openFixture();
    for (let index = 0; index < 40; index++) fixture.addRow({ prompt: `prompt ${index}` });
    await fixture.export();
    const ids = (await readVersion(fixture)).rows().map(({ id }) => id);
    expect(ids).toHaveLength(40);
    expect(ids).toEqual(sorted(ids));
  });

  test("begins with the first row that fills all columns, so that loaders infer every type", async () => {
    await using fixture = await openFixture();
    const added = Array.from({ length: 30 }, (_, index) =>
      fixture.addRow({ prompt: `prompt ${index}`, agreement: index % 3 ? null : 0.5 }),
    );
    await fixture.export();
    const ids = (await readVersion(fixture)).rows().map(({ id }) => id);
    const [firstFull] = sorted(added.filter((_, index) => index % 3 === 0).map(({ rowId }) => rowId));
    expect(ids).toEqual([firstFull, ...sorted(added.map(({ rowId }) => rowId)).filter((id) => id !== firstFull)]);
  });

  test("begins with the fewest rows that fill all columns between them where none does alone", async () => {
    await using fixture = await openFixture();
    const kinds: readonly Partial<FixtureRow>[] = [
      {},
      { agreement: 1, scores: [null, null], source: "people", margin: null },
      { references: { reference: "ab" } },
    ];
    const added = kinds.flatMap((kind, index) =>
      [0, 1, 2].map((number) => ({ kind: index, rowId: fixture.addRow({ prompt: `prompt ${index} ${number}`, ...kind }).rowId })),
    );
    await fixture.export();
    const ids = (await readVersion(fixture)).rows().map(({ id }) => id);
    const firstOf = (kind: number): string => sorted(added.filter((row) => row.kind === kind).map(({ rowId }) => rowId))[0]!;
    const front = sorted([firstOf(1), firstOf(2)]); // References with scores, and agreement: two rows fill all five columns.
    expect(ids.slice(0, 2)).toEqual(front);
    expect(ids.slice(2)).toEqual(sorted(added.map(({ rowId }) => rowId)).filter((id) => !front.includes(id)));
  });

  test("has each split's own front", async () => {
    await using fixture = await openFixture();
    // 1, 8, 9 are in train, 2, 4, 5 in validation at equal thirds.
    const full = new Map([8, 5].map((index) => [index, fixture.addRow({ prompt: `a picture of ${index}`, agreement: 1 }).rowId]));
    for (const index of [1, 9, 2, 4]) fixture.addRow({ prompt: `a picture of ${index}` });
    await fixture.export({ splits: { train: 1, validation: 1, test: 1 } });
    const { rows } = await readVersion(fixture);
    expect(rows("train")[0]!.id).toBe(full.get(8));
    expect(rows("validation")[0]!.id).toBe(full.get(5));
  });
});

describe("shards", () => {
  test("cut a split's rows into contiguous files with 5-digit names", async () => {
    await using fixture = await openFixture();
    for (let index = 0; index < 33; index++) fixture.addRow({ prompt: `prompt ${index}` });
    const one = await fixture.export({ shards: 1 }, { as: "one" });
    await fixture.export({ shards: 16 }, { as: "many" });
    const many = await readVersion(fixture, "many");
    const paths = many.paths.filter((path) => path.startsWith("data/"));
    expect(paths).toEqual(Array.from({ length: 16 }, (_, index) => `data/train-000${String(index).padStart(2, "0")}-of-00016.jsonl`));
    expect(many.lines()).toEqual((await readVersion(fixture, "one")).lines());
    expect(one.rows).toBe(33);
    const sizes = paths.map((path) => many.text(path).trimEnd().split("\n").length);
    expect(sizes).toEqual([3, ...Array.from({ length: 15 }, () => 2)]);
  });

  test("are one file up to 10,000 rows, 16 beyond, never more than rows", () => {
    expect(rowsPerFile(10_000, "auto")).toEqual([10_000]);
    expect(rowsPerFile(10_001, "auto")).toHaveLength(16);
    expect(rowsPerFile(3, 8)).toEqual([1, 1, 1]);
    expect(dataPath("train", { index: 0, count: 16, extension: "jsonl" })).toBe("data/train-00000-of-00016.jsonl");
  });

  test("hold all rows, as equally as they can", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e6 }), fc.integer({ min: 1, max: 300 }), (rows, shards) => {
        const sizes = rowsPerFile(rows, shards);
        expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(rows);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
        expect(Math.min(...sizes)).toBeGreaterThan(0);
      }),
    );
  });
});

describe("frontRows()", () => {
  const filler = fc.record({ rowId: fc.stringMatching(/^[a-f]{3}$/), fills: fc.integer({ min: 0, max: 31 }) });
  const fillers = fc.uniqueArray(filler, { selector: ({ rowId }) => rowId, maxLength: 7 });

  test("fills what all fill, with the fewest rows, as a search through every choice finds", () => {
    fc.assert(
      fc.property(fillers, (given) => {
        const all = given.reduce((fills, row) => fills | row.fills, 0);
        const choices = Array.from({ length: 1 << given.length }, (_, mask) => given.filter((_row, bit) => (mask >> bit) & 1));
        const sizes = choices.filter((rows) => rows.reduce((fills, row) => fills | row.fills, 0) === all).map((rows) => rows.length);
        const front = frontRows(given);
        expect(front).toHaveLength(Math.min(...sizes));
        const filled = given.filter(({ rowId }) => front.includes(rowId)).reduce((fills, row) => fills | row.fills, 0);
        expect(filled).toBe(all);
      }),
    );
  });

  test("takes the lowest id of equals", () => {
    expect(
      frontRows([
        { rowId: "b", fills: 3 },
        { rowId: "a", fills: 3 },
        { rowId: "0", fills: 1 },
      ]),
    ).toEqual(["a"]);
  });
});
