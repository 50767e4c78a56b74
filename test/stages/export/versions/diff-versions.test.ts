import * as fc from "fast-check";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import { ConfigError, FatalError } from "../../../../src/errors.ts";
import { diffVersions, type ChangedRow, type VersionDiff, mergeById } from "../../../../src/stages/export/versions/diff-versions.ts";
import { fileStore } from "../../../../src/stores/file/file.ts";
import { readVersion, type ReadRow } from "../exported.ts";
import { fixtureConfig, openFixture, type Fixture } from "../fixture-database.ts";
import { openImageFixture } from "../image-fixture.ts";

async function diff(fixture: Fixture, before = "v1", after = "v2"): Promise<VersionDiff & { readonly rows: readonly ChangedRow[] }> {
  const rows: ChangedRow[] = [];
  const store = fileStore(pathToFileURL(fixture.exportDir).href);
  const { signal } = new AbortController();
  const result = await diffVersions(before, after, {
    store,
    signal,
    onRow: (row) => void rows.push(row),
    checkpoint: () => Promise.resolve(),
  });
  return { ...result, rows };
}

const forget = (fixture: Fixture, rowId: string): void => {
  fixture.db.client.prepare("delete from preferences where row_id = ?").run(rowId);
};

describe("diffVersions()", () => {
  test.each([{}, { gzip: true, shards: 3 }])("says what came, went and changed, with the columns, under %j", async (section) => {
    await using fixture = await openFixture();
    const [cat, dog] = ["a cat", "a dog", "a cow", "a fox"].map((prompt) => fixture.addRow({ prompt, agreement: 1 }));
    await fixture.export(section);
    fixture.db.client.prepare("update preferences set n_votes = 3, agreement = 0.5 where row_id = ?").run(cat!.rowId);
    forget(fixture, dog!.rowId);
    const hen = fixture.addRow({ prompt: "a hen" });
    await fixture.export();
    const { splits, files, rows } = await diff(fixture);
    expect(splits).toEqual([
      { table: "default", split: "train", same: 2, came: 1, went: 1, changed: 1, movedHere: 0, columns: { agreement: 1, n_votes: 1 } },
    ]);
    expect(files).toEqual([]);
    const about = { table: "default", from: "train", to: "train" };
    expect(new Set(rows)).toEqual(
      new Set([
        { ...about, id: cat!.rowId, change: "changed", columns: ["agreement", "n_votes"] },
        { ...about, id: dog!.rowId, change: "went", to: null, columns: [] },
        { ...about, id: hen.rowId, change: "came", from: null, columns: [] },
      ]),
    );
    const back = await diff(fixture, "v2", "v1");
    expect(back.splits).toMatchObject([{ came: 1, went: 1, changed: 1, same: 2 }]);
    expect((await diff(fixture, "v1", "v1")).rows).toEqual([]);
  });

  test.each<{ readonly gzip?: boolean; readonly card?: object }>([{}, { gzip: true }])(
    "leaves out where the store lay, but not a base that was asked for, under %j",
    async (section) => {
      await using fixture = await openFixture();
      for (const prompt of ["a cat", "a dog"]) fixture.addRow({ prompt });
      await fixture.export(section);
      const own = fixtureConfig(fixture.dir, section);
      const config = { ...own, store: { ...own.store, uri: "s3://elsewhere/set" } };
      expect(await fixture.export(section, {}, { config })).toMatchObject({ outcome: "unchanged", version: "v1" });
      await fixture.export(section, { as: "moved" }, { config });
      expect((await diff(fixture, "v1", "moved")).splits).toMatchObject([{ same: 2, changed: 0 }]);
      const based = { ...config, export: { ...config.export, uri_base: "https://data.example/set" } };
      await fixture.export(section, { as: "based" }, { config: based });
      expect((await diff(fixture, "v1", "based")).splits).toMatchObject([{ changed: 2, columns: { chosen: 2, rejected: 2 } }]);

      fixture.addRow({ prompt: "a hen" });
      const part = await fixture.export(section, { since: "v1", as: "part" }, { config });
      expect(part).toMatchObject({ rows: 1, since: { gone: 0, changed: 0 } });
      expect((await diff(fixture, "moved", "part")).splits).toMatchObject([{ same: 2, came: 1, changed: 0 }]);
    },
  );

  test("says which rows moved to another split", async () => {
    await using fixture = await openFixture();
    for (let index = 0; index < 12; index++) fixture.addRow({ prompt: `prompt ${index}` });
    await fixture.export({ splits: { train: 1 } });
    fixture.db.client.prepare("update dataset set splits = ?").run(JSON.stringify({ train: 1, validation: 0, test: 1 }));
    await fixture.export({ splits: { train: 1, test: 1 } });
    const moved = (await readVersion(fixture, "v2")).rows("test");
    const { splits, rows } = await diff(fixture);
    expect(splits).toMatchObject([
      { split: "test", movedHere: moved.length, same: 0 },
      { split: "train", movedHere: 0, same: 12 - moved.length, went: 0 },
    ]);
    expect(rows.map(({ id, change, from, to }) => [id, change, from, to])).toEqual(
      moved
        .map(({ id }) => id)
        .toSorted()
        .map((id) => [id, "moved", "train", "test"]),
    );
  });

  test("takes a part for the whole that it makes", async () => {
    await using fixture = await openFixture();
    for (const prompt of ["a cat", "a dog"]) fixture.addRow({ prompt });
    await fixture.export();
    for (const prompt of ["a cow", "a fox", "a hen"]) fixture.addRow({ prompt });
    await fixture.export({}, { since: "v1" });
    await fixture.export({ shards: 2 });
    expect((await diff(fixture, "v1", "v2")).splits).toMatchObject([{ came: 3, went: 0, changed: 0, same: 2 }]);
    expect((await diff(fixture, "v2", "v3")).splits).toMatchObject([{ came: 0, went: 0, changed: 0, same: 5 }]);
  });

  test("compares rows without ids as files", async () => {
    await using fixture = await openFixture();
    fixture.addRow({ prompt: "a cat" });
    await fixture.export({ fields: "minimal" });
    fixture.addRow({ prompt: "a dog" });
    await fixture.export({ fields: "minimal" });
    expect(await diff(fixture)).toMatchObject({ splits: [], files: [{ table: "default", equal: false }] });
    expect(await diff(fixture, "v1", "v1")).toMatchObject({ files: [{ equal: true }] });
  });

  test("compares the tables that stand in the order of ids by them, and pairs as files", async () => {
    await using fixture = await openImageFixture();
    const tables = ["default", "pairs", "rankings", "ties", "votes"];
    const add = async (prompt: string, scores: readonly number[]) => {
      const { promptKey, imageIds } = await fixture.addImaged({ prompt, scores, seeds: scores.map((_, index) => String(index)) });
      fixture.addVote({ voteId: `vote ${prompt}`, promptKey, shown: imageIds, ranking: [[imageIds[0]!], imageIds.slice(1)] });
    };
    // Equal scores of a judge are ties.
    for (let index = 0; index < 8; index++) await add(`prompt ${index}`, [0.9, 0.5, 0.5]);
    await fixture.export({ tables });
    await add("one more", [0.9, 0.5, 0.5]);
    fixture.db.client.prepare("update votes set duration_ms = 7 where vote_id = 'vote prompt 3'").run();
    await fixture.export({ tables });
    const { splits, files, rows } = await diff(fixture);
    expect(splits).toMatchObject([
      { table: "default", came: 1, went: 0, changed: 0, same: 8 },
      { table: "rankings", came: 1, went: 0, changed: 0, same: 8 },
      { table: "ties", came: 1, went: 0, changed: 0, same: 8 },
      { table: "votes", came: 1, went: 0, changed: 1, same: 7, columns: { ms: 1 } },
    ]);
    expect(files).toEqual([{ table: "pairs", format: "jsonl", equal: false }]);
    expect(rows.filter(({ table }) => table === "votes").map(({ id }) => id)).toEqual([
      expect.stringMatching(/^v_/),
      expect.stringMatching(/^v_/),
    ]);
    expect((await diff(fixture, "v2", "v2")).files).toEqual([{ table: "pairs", format: "jsonl", equal: true }]);
  });

  test("says of each format with images whether its files are equal, images and all", async () => {
    await using fixture = await openImageFixture();
    for (const prompt of ["a cat", "a dog"]) await fixture.addImaged({ prompt });
    const all = ["parquet", "webdataset", "imagefolder", "winlose"];
    await fixture.export({ formats: all });
    await fixture.export({ formats: all, fields: "minimal" }, { as: "again" });
    await fixture.export({ formats: all, images: { format: "jpeg", quality: 80 } }, { as: "jpeg" });
    await fixture.export({ formats: ["parquet"] }, { as: "one" });
    const files = (differ: readonly string[]) => all.map((format) => ({ table: "pairs", format, equal: !differ.includes(format) }));
    expect((await diff(fixture, "v1", "again")).files).toEqual([{ table: "default", format: "jsonl", equal: false }, ...files([])]);
    expect(await diff(fixture, "v1", "jpeg")).toMatchObject({ splits: [{ same: 2 }], rows: [], files: files(all) });
    expect((await diff(fixture, "one", "v1")).files).toEqual(files(all.slice(1)));
    await writeFile(join(fixture.exportDir, "one/SHA256SUMS"), "");
    await expect(diff(fixture, "one", "v1")).rejects.toBeInstanceOf(FatalError);
  });

  test("refuses what there is not, and what is damaged", async () => {
    await using fixture = await openFixture();
    for (let index = 0; index < 20; index++) fixture.addRow({ prompt: `prompt ${index}` });
    await fixture.export({ gzip: true });
    await expect(diff(fixture, "v1", "v9")).rejects.toBeInstanceOf(ConfigError);
    const path = join(fixture.exportDir, "v1/data/train-00000-of-00001.jsonl.gz");
    const bytes = (await fixture.files()).get("v1/data/train-00000-of-00001.jsonl.gz")!;
    for (const damage of [bytes.subarray(0, -9), Buffer.from("no gzip"), Buffer.concat([bytes, bytes])]) {
      await writeFile(path, damage);
      await expect(diff(fixture, "v1", "v1")).rejects.toBeInstanceOf(FatalError);
    }
  });

  test("finds what two sets of rows differ in, wherever the rows with all columns stand", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ id: fc.nat(15), before: fc.boolean(), after: fc.boolean(), full: fc.boolean() }), { maxLength: 12 }),
        async (wanted) => {
          const rows = [...new Map(wanted.map((row) => [row.id, row])).values()].filter(({ before, after }) => before || after);
          if (!rows.some(({ before }) => before) || !rows.some(({ after }) => after)) return;
          await using fixture = await openFixture();
          const add = ({ id, full }: (typeof rows)[number]) =>
            fixture.addRow({ prompt: `prompt ${id}`, agreement: full ? 1 : null, references: full ? { pose: "p" } : {} });
          const added = new Map(rows.filter(({ before }) => before).map((row) => [row.id, add(row).rowId]));
          await fixture.export();
          for (const { id, after } of rows) if (!after) forget(fixture, added.get(id)!);
          for (const row of rows) if (!row.before) add(row);
          await fixture.export({}, { as: "after" });
          const byId = async (version: string): Promise<Map<string, ReadRow>> =>
            new Map((await readVersion(fixture, version)).rows().map((row) => [row.id, row]));
          const [was, is] = [await byId("v1"), await byId("after")];
          const { splits } = await diff(fixture, "v1", "after");
          const [only] = splits;
          expect(only).toMatchObject({
            came: [...is.keys()].filter((id) => !was.has(id)).length,
            went: [...was.keys()].filter((id) => !is.has(id)).length,
            changed: [...was].filter(([id, row]) => is.has(id) && JSON.stringify(is.get(id)) !== JSON.stringify(row)).length,
          });
        },
      ),
      { numRuns: 12 },
    );
  }, 60_000);
});

describe("mergeById()", () => {
  test("gives every item of every stream once, in order, and closes the streams when it is left", async () => {
    const stream = async function* (ids: readonly string[]) {
      for (const id of ids) yield await Promise.resolve({ id });
    };
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(fc.string({ maxLength: 4 })), { maxLength: 5 }), async (streams) => {
        const merged = await Array.fromAsync(mergeById(streams.map((ids) => stream(ids.toSorted(byUnits)))), ({ id }) => id);
        expect(merged).toEqual(streams.flat().toSorted(byUnits));
      }),
    );
    let closed = 0;
    const endless = async function* () {
      try {
        for (let at = 0; ; at++) yield await Promise.resolve({ id: String(at).padStart(9, "0") });
      } finally {
        closed++;
      }
    };
    for await (const _item of mergeById([endless(), endless()])) break;
    expect(closed).toBe(2);
  });
});

const byUnits = (first: string, second: string): number => (first < second ? -1 : Number(first > second));
