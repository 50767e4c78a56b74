import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join, normalize } from "node:path";
import { tmpdir } from "node:os";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import { ConfigError, FatalError } from "../../../../src/errors.ts";
import { verifyExport } from "../../../../src/stages/export/check/verify-export.ts";
import { fileStore } from "../../../../src/stores/file/file.ts";
import { loadWithDatasets, requirePythonDatasets } from "../../../helpers/python/python-datasets.ts";
import { readVersion } from "../exported.ts";
import { openFixture, type Fixture } from "../fixture-database.ts";

const idsOf = async (fixture: Fixture, version: string, split = "train"): Promise<readonly string[]> =>
  (await readVersion(fixture, version)).rows(split).map(({ prompt }) => prompt);

async function problemsOf(fixture: Fixture, version: string): Promise<readonly string[]> {
  const problems: string[] = [];
  const store = fileStore(pathToFileURL(fixture.exportDir).href);
  await verifyExport(version, {
    store,
    signal: new AbortController().signal,
    report: ({ path, text }) => void problems.push(`${path} ${text}`),
  });
  return problems;
}

const setMargin = (fixture: Fixture, rowId: string, agreement: number): void =>
  void fixture.db.client.prepare("update preferences set agreement = ?, n_votes = 5 where row_id = ?").run(agreement, rowId);
const forget = (fixture: Fixture, rowId: string): void => {
  fixture.db.client.prepare("delete from preferences where row_id = ?").run(rowId);
};

describe("export --since", () => {
  test("writes new rows only, lists the files of the whole, and says what no longer holds", async () => {
    await using fixture = await openFixture();
    const kept = fixture.addRow({ prompt: "a cat", agreement: 1 });
    const changed = fixture.addRow({ prompt: "a dog", agreement: 1 });
    const gone = fixture.addRow({ prompt: "a cow", agreement: 1 });
    await fixture.export();
    const before = await fixture.files();

    setMargin(fixture, changed.rowId, 0.5);
    forget(fixture, gone.rowId);
    fixture.addRow({ prompt: "a fox", agreement: 1 });
    const report = await fixture.export({}, { since: "v1" });
    expect(report).toMatchObject({ outcome: "created", version: "v2", rows: 1, since: { version: "v1", gone: 1, changed: 1 } });
    expect(await idsOf(fixture, "v2")).toEqual(["a fox"]);
    const part = await readVersion(fixture, "v2");
    expect(part.json("manifest.json")).toMatchObject({ since: { version: "v1", gone: 1, changed: 1 }, counts: { rows: 1, images: 2 } });
    const stale = [`${changed.rowId},changed`, `${gone.rowId},gone`].toSorted();
    expect(part.text("stale.csv")).toBe(`id,reason\n${stale.join("\n")}\n`);
    expect(part.json("index.json")).toMatchObject({
      versions: [{ version: "v1" }],
      splits: { train: 4 },
      data_files: { train: ["../v1/data/train-00000-of-00001.jsonl", "data/train-00000-of-00001.jsonl"] },
    });
    expect(part.text("README.md")).toContain("1 row of the earlier versions would not be exported today");
    const after = await fixture.files();
    expect([...before].filter(([path, bytes]) => after.get(path)?.equals(bytes) !== true).map(([path]) => path)).toEqual([]);
    expect(await problemsOf(fixture, "v2")).toEqual([]);
    expect(kept.rowId).not.toBe(gone.rowId);

    expect(await fixture.export({}, { since: "v1" })).toMatchObject({ outcome: "unchanged", version: "v2" });
    // A whole version has what is new and nothing stale.
    expect(await fixture.export()).toMatchObject({ outcome: "created", version: "v3", rows: 3 });
  });

  test("is damaged where a version that it builds on is", async () => {
    await using fixture = await openFixture();
    fixture.addRow({ prompt: "a cat" });
    await fixture.export();
    fixture.addRow({ prompt: "a dog" });
    await fixture.export({}, { since: "v1" });
    fixture.addRow({ prompt: "a cow" });
    await fixture.export({}, { since: "v2" });
    expect(await problemsOf(fixture, "v3")).toEqual([]);
    const pathOf = (version: string): string => join(fixture.exportDir, version, "data/train-00000-of-00001.jsonl");
    const bytes = await readFile(pathOf("v1"));
    bytes[bytes.length - 2]! ^= 1;
    await writeFile(pathOf("v1"), bytes);
    const changed = "index.json lists ../v1/data/train-00000-of-00001.jsonl, which does not have its SHA-256: verify v1";
    expect(await problemsOf(fixture, "v2")).toEqual([changed]);
    await rm(pathOf("v2"));
    await mkdir(pathOf("v2"));
    const missing = "index.json lists ../v2/data/train-00000-of-00001.jsonl, which is missing or cannot be read: verify v2";
    expect(await problemsOf(fixture, "v3")).toEqual([changed, missing]);
    await rm(pathOf("v2"), { recursive: true });
    expect(await problemsOf(fixture, "v3")).toEqual([changed, missing]);
  });

  test("builds on a part as on a whole version", async () => {
    await using fixture = await openFixture();
    fixture.addRow({ prompt: "a cat" });
    await fixture.export();
    fixture.addRow({ prompt: "a dog" });
    await fixture.export({ gzip: true }, { since: "v1" });
    fixture.addRow({ prompt: "a cow" });
    expect(await fixture.export({}, { since: "v2" })).toMatchObject({ version: "v3", rows: 1, since: { gone: 0, changed: 0 } });
    expect((await readVersion(fixture, "v3")).json("index.json")).toMatchObject({
      data_files: {
        train: ["../v1/data/train-00000-of-00001.jsonl", "../v2/data/train-00000-of-00001.jsonl.gz", "data/train-00000-of-00001.jsonl"],
      },
    });
    expect(await problemsOf(fixture, "v3")).toEqual([]);
    expect(await fixture.export({}, { since: "v3" })).toMatchObject({ outcome: "empty", version: null, since: { version: "v3", gone: 0 } });
    expect([...(await fixture.files()).keys()].some((path) => path.startsWith("v4/"))).toBe(false);
  });

  test("never shows an image in a split that has another of the earlier versions' in it", async () => {
    await using fixture = await openFixture();
    const splits = { train: 1, validation: 1, test: 1 };
    for (let index = 0; index < 30; index++)
      fixture.addRow({ prompt: `a picture of ${index}`, contents: [`left ${index}`, `right ${index}`] });
    await fixture.export({ splits });
    const test1 = (await readVersion(fixture)).rows("test")[0]!;
    const index = Number(/\d+/.exec(test1.prompt)![0]);
    // The old row leaves, so that nothing in the database keeps its image out of train.
    const added = Array.from({ length: 30 }, (_, at) =>
      fixture.addRow({ prompt: `another ${at}`, contents: [`left ${index}`, `other ${at}`] }),
    );
    forget(fixture, test1.id);
    fixture.addRow({ prompt: "something else" });
    const { rows, drops } = await fixture.export({ splits }, { since: "v1" });
    const dropped = drops["row:image-in-other-split-of-base"] ?? 0;
    const inTwo = drops["row:image-in-two-splits"] ?? 0;
    expect(rows + dropped + inTwo).toBe(added.length + 1);
    expect(dropped).toBeGreaterThan(0);
    const part = await readVersion(fixture, "v2");
    for (const split of ["train", "validation"]) {
      expect(part.rows(split).filter(({ chosen }) => chosen.sha256 === test1.chosen.sha256)).toEqual([]);
    }
    expect(await problemsOf(fixture, "v2")).toEqual([]);
  });

  test.each([
    ["no such version", {}, "v7", /there is no such complete version.*one of v1/s],
    ["minimal rows", { fields: "minimal" }, "v1", /have no id/],
    ["seeds as text", { seed_format: "string" }, "v1", /seed_format: number/],
    ["another pair set", { pairs: "strict" }, "v1", /export\.pairs: main/],
  ])("refuses %s, and changes nothing", async (_, section, since, problem) => {
    await using fixture = await openFixture();
    fixture.addRow({ prompt: "a cat" });
    fixture.addRow({ prompt: "a cat", pairSet: "strict" });
    await fixture.export();
    const before = await fixture.files();
    fixture.addRow({ prompt: "a dog" });
    const error = await fixture.export(section, { since }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ConfigError);
    expect(`${(error as ConfigError).message} ${(error as ConfigError).hint}`).toMatch(problem);
    expect(await fixture.files()).toEqual(before);
  });

  test("refuses values in a column that the earlier rows do not have; takes their absence", async () => {
    await using fixture = await openFixture();
    fixture.addRow({ prompt: "a cat" });
    await fixture.export();
    fixture.addRow({ prompt: "a dog", agreement: 1 });
    await expect(fixture.export({}, { since: "v1" })).rejects.toThrow(/new rows have agreement, which its rows were written without/);

    await using other = await openFixture();
    other.addRow({ prompt: "a cat", agreement: 1 });
    await other.export();
    other.addRow({ prompt: "a dog" });
    await other.export({}, { since: "v1" });
    expect((await readVersion(other, "v2")).rows()[0]).toMatchObject({ prompt: "a dog", agreement: null });
    expect(await problemsOf(other, "v2")).toEqual([]);
  });

  test("refuses a base that is damaged, and verify finds one that has changed or gone", async () => {
    await using fixture = await openFixture();
    fixture.addRow({ prompt: "a cat" });
    await fixture.export();
    fixture.addRow({ prompt: "a dog" });
    await fixture.export({}, { since: "v1" });
    const store = fileStore(pathToFileURL(fixture.exportDir).href);
    const path = "v1/data/train-00000-of-00001.jsonl";
    const bytes = (await fixture.files()).get(path)!;
    const flipped = Buffer.from(bytes);
    flipped[bytes.length - 5]! ^= 1;
    await store.put(path, flipped, flipped.length, { contentType: "x" });
    await expect(fixture.export({}, { since: "v1" })).rejects.toBeInstanceOf(FatalError);
    const manifest = String((await fixture.files()).get("v1/manifest.json"));
    const changed = Buffer.from(manifest.replace('"dataset": "fixture"', '"dataset": "fixturf"'));
    await store.put("v1/manifest.json", changed, changed.length, { contentType: "x" });
    expect(await problemsOf(fixture, "v2")).toEqual([expect.stringContaining("index.json cannot be followed")]);
    await rm(join(fixture.exportDir, "v1"), { recursive: true });
    expect(await problemsOf(fixture, "v2")).toEqual([expect.stringContaining("v1, which it builds on, is not in")]);
  });

  test.runIf(requirePythonDatasets())("is read with what it builds on by datasets, from the list in index.json", async () => {
    await using fixture = await openFixture();
    for (const prompt of ["a cat", "a dog"]) fixture.addRow({ prompt, agreement: 1, nVotes: 1 });
    await fixture.export();
    for (const prompt of ["a cow", "a fox", "a hen"]) fixture.addRow({ prompt });
    await fixture.export({ gzip: true, shards: 2 }, { since: "v1" });
    const part = await readVersion(fixture, "v2");
    const { data_files: dataFiles } = part.json("index.json") as { data_files: Record<string, string[]> };
    const paths = Object.fromEntries(
      Object.entries(dataFiles).map(([split, own]) => [split, own.map((path) => normalize(join(fixture.exportDir, "v2", path)))]),
    );
    const features = /features = (Features\([^]+?\n\}\))/.exec(part.text("README.md").split("## This is a part")[1]!)![1]!;
    const cache = await mkdtemp(join(tmpdir(), "comfy-dpo-cache-"));
    try {
      const jobs = [
        { name: "whole", dataFiles: paths, features },
        { name: "part", folder: join(fixture.exportDir, "v2") },
      ];
      const { whole, part: alone } = await loadWithDatasets(jobs, cache);
      const prompts = (rows: readonly unknown[] | undefined): string[] =>
        (rows as { prompt: string }[]).map(({ prompt }) => prompt).toSorted();
      expect(prompts(whole!.map["train"])).toEqual(["a cat", "a cow", "a dog", "a fox", "a hen"]);
      expect(prompts(whole!.streaming["train"])).toEqual(prompts(whole!.map["train"]));
      expect(prompts(alone!.map["train"])).toEqual(["a cow", "a fox", "a hen"]);
    } finally {
      await rm(cache, { recursive: true, force: true });
    }
  });
});
