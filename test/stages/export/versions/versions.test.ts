import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { listExports } from "../../../../src/db/queries/export/exports.ts";
import { ConfigError, FatalError, InterruptedError, TransientError } from "../../../../src/errors.ts";
import { fileStore } from "../../../../src/stores/file/file.ts";
import type { ObjectStore } from "../../../../src/stores/object-store.ts";
import { fixtureConfig, openFixture, type Fixture } from "../fixture-database.ts";

const latestOf = async (fixture: Fixture): Promise<string> => String((await fixture.files()).get("LATEST"));
const pathsOf = async (fixture: Fixture): Promise<string[]> => [...(await fixture.files()).keys()];

/** Opens a folder as a store whose puts go through `onPut` first. */
function watchedStore(onPut: (key: string) => void): (uri: string) => Promise<ObjectStore> {
  return (uri) => {
    const store = fileStore(uri);
    const put: ObjectStore["put"] = async (key, body, sizeBytes, options) => {
      try {
        onPut(key);
      } catch (error) {
        if ("destroy" in body) body.destroy();
        throw error;
      }
      await store.put(key, body, sizeBytes, options);
    };
    const putFile = async (key: string, file: string): Promise<boolean> => {
      onPut(key);
      return (await store.putFile?.(key, file)) ?? false;
    };
    return Promise.resolve({ ...store, put, putFile });
  };
}

/** Lets `count` puts through and fails the next, as a killed process does not come to it. */
function failingAfter(count: number): (uri: string) => Promise<ObjectStore> {
  let puts = 0;
  return watchedStore(() => {
    if (puts++ >= count) throw new FatalError("killed");
  });
}

describe("versions", () => {
  test("are v1, v2, …: other content is the next, the same content again is none", async () => {
    await using fixture = await openFixture();
    fixture.addRow({ prompt: "a cat" });
    expect(await fixture.export()).toMatchObject({ outcome: "created", version: "v1", uri: join(fixture.exportDir, "v1") });
    const first = await fixture.files();
    expect(await fixture.export()).toMatchObject({ outcome: "unchanged", version: "v1" });
    expect(await fixture.files()).toEqual(first);

    fixture.addRow({ prompt: "a dog" });
    expect(await fixture.export()).toMatchObject({ outcome: "created", version: "v2", rows: 2 });
    expect(await latestOf(fixture)).toBe("v2\n");
    const second = await fixture.files();
    const changed = [...first].filter(([path, bytes]) => second.get(path)?.equals(bytes) !== true).map(([path]) => path);
    expect(changed).toEqual(["LATEST"]);
  });

  test("are remembered in the database with their content and rows", async () => {
    await using fixture = await openFixture();
    fixture.addRow({ prompt: "a cat" });
    await fixture.export();
    const known = listExports(fixture.db, fileStore(`file://${fixture.exportDir}`).uri);
    expect(known).toMatchObject([{ version: "v1", state: "complete", rows: 1 }]);
    const manifest = JSON.parse(String((await fixture.files()).get("v1/manifest.json"))) as object;
    expect(manifest).toMatchObject({ content_sha256: known[0]!.contentSha256 });
  });

  test("without a pair there is none, and nothing is written", async () => {
    await using fixture = await openFixture();
    expect(await fixture.export()).toMatchObject({ outcome: "empty", version: null, rows: 0 });
    expect(await pathsOf(fixture)).toEqual([]);
  });

  test("say whether they are complete: complete data later are another version", async () => {
    await using fixture = await openFixture();
    fixture.addRow({ prompt: "a cat" });
    await fixture.export({}, { complete: false });
    expect(JSON.parse(String((await fixture.files()).get("v1/manifest.json")))).toMatchObject({ complete: false });
    expect(await fixture.export()).toMatchObject({ outcome: "created", version: "v2" });
    expect(JSON.parse(String((await fixture.files()).get("v2/manifest.json")))).toMatchObject({ complete: true });
  });

  test("at another dataset's place are refused", async () => {
    await using fixture = await openFixture();
    fixture.addRow({ prompt: "a cat" });
    await fixture.export();
    const before = await fixture.files();
    const config = { ...fixtureConfig(fixture.dir), dataset: "another" };
    for (const as of [undefined, "v1", "final"]) {
      const error = await fixture.export({}, as === undefined ? {} : { as }, { config }).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(ConfigError);
      expect((error as ConfigError).message).toContain("it holds the dataset fixture");
    }
    expect(await fixture.files()).toEqual(before);
  });
});

test("a version on another disk than the spool is copied there, to the same bytes", async () => {
  await using fixture = await openFixture();
  fixture.addRow({ prompt: "a cat" });
  await fixture.export();
  const copying = (uri: string) => Promise.resolve({ ...fileStore(uri), putFile: () => Promise.resolve(false) });
  await fixture.export({}, { as: "copied", openStore: copying });
  const files = await fixture.files();
  const of = (version: string) =>
    [...files]
      .filter(([path]) => path.startsWith(`${version}/`) && !path.endsWith("manifest.json"))
      .map(([path, bytes]) => [path.slice(version.length), String(bytes)]);
  expect(of("copied")).toEqual(of("v1"));
});

describe("export --as", () => {
  test("names the version, and LATEST follows", async () => {
    await using fixture = await openFixture();
    fixture.addRow({ prompt: "a cat" });
    expect(await fixture.export({}, { as: "final" })).toMatchObject({ outcome: "created", version: "final" });
    expect(await latestOf(fixture)).toBe("final\n");
    expect(await fixture.export({}, { as: "final" })).toMatchObject({ outcome: "unchanged", version: "final" });
    expect(await fixture.export()).toMatchObject({ outcome: "unchanged", version: "final" });
    fixture.addRow({ prompt: "a dog" });
    expect(await fixture.export()).toMatchObject({ outcome: "created", version: "v1" });
    expect(await latestOf(fixture)).toBe("v1\n");
  });

  test("never changes a complete version", async () => {
    await using fixture = await openFixture();
    fixture.addRow({ prompt: "a cat" });
    await fixture.export({}, { as: "final" });
    const before = await fixture.files();
    fixture.addRow({ prompt: "a dog" });
    await expect(fixture.export({}, { as: "final" })).rejects.toThrow(/Cannot export as final: this version is complete/);
    expect(await fixture.files()).toEqual(before);
  });

  test.each(["", "LATEST", "../v1", "a/b", ".hidden", "-x", "a b", "v1\n", "ä", "x".repeat(65)])("refuses the name %j", async (as) => {
    await using fixture = await openFixture();
    fixture.addRow({ prompt: "a cat" });
    await expect(fixture.export({}, { as })).rejects.toBeInstanceOf(ConfigError);
    expect(await pathsOf(fixture)).toEqual([]);
  });
});

describe("an export that ends in the middle", () => {
  test("writes the manifest after all other files, and LATEST last", async () => {
    await using fixture = await openFixture();
    for (let index = 0; index < 4; index++) fixture.addRow({ prompt: `prompt ${index}` });
    const keys: string[] = [];
    await fixture.export({ shards: 2 }, { openStore: watchedStore((key) => void keys.push(key)) });
    expect(keys.slice(-2)).toEqual(["v1/manifest.json", "LATEST"]);
    expect(keys.toSorted()).toEqual((await pathsOf(fixture)).toSorted());
  });

  test("before any of its files is continued to the same bytes", async () => {
    const rowsInto = (fixture: Fixture): void => {
      for (let index = 0; index < 4; index++) fixture.addRow({ prompt: `prompt ${index}` });
    };
    await using whole = await openFixture();
    rowsInto(whole);
    await whole.export({ shards: 2 });
    const expected = await whole.files();

    // Data files, images.csv, stats.json, README.md, the schema, download.py, SHA256SUMS, manifest.json, LATEST.
    for (let puts = 0; puts < expected.size; puts++) {
      await using fixture = await openFixture();
      rowsInto(fixture);
      await expect(fixture.export({ shards: 2 }, { openStore: failingAfter(puts) })).rejects.toThrow("killed");
      const left = await pathsOf(fixture);
      expect(left).toHaveLength(puts);
      expect(left.includes("v1/manifest.json")).toBe(puts >= expected.size - 1);
      const { outcome, version } = await fixture.export({ shards: 2 });
      expect([outcome, version]).toEqual([puts === expected.size - 1 ? "unchanged" : "continued", "v1"]);
      expect(await fixture.files()).toEqual(expected);
    }
  });

  test("is continued with what the data are by then; what it left is removed or replaced", async () => {
    await using fixture = await openFixture();
    for (let index = 0; index < 4; index++) fixture.addRow({ prompt: `prompt ${index}` });
    await expect(fixture.export({ shards: 4 }, { openStore: failingAfter(6) })).rejects.toThrow("killed");
    fixture.addRow({ prompt: "a cat" });
    expect(await fixture.export({ shards: 2 })).toMatchObject({ outcome: "continued", version: "v1", rows: 5 });

    await using whole = await openFixture();
    for (const prompt of ["prompt 0", "prompt 1", "prompt 2", "prompt 3", "a cat"]) whole.addRow({ prompt });
    await whole.export({ shards: 2 });
    expect(await fixture.files()).toEqual(await whole.files());
  });

  test("replaces a file of the right length with wrong bytes", async () => {
    await using fixture = await openFixture();
    fixture.addRow({ prompt: "a cat" });
    await expect(fixture.export({}, { openStore: failingAfter(3) })).rejects.toThrow("killed");
    const path = "v1/data/train-00000-of-00001.jsonl";
    const bytes = (await fixture.files()).get(path)!;
    await writeFile(join(fixture.exportDir, path), Buffer.alloc(bytes.length, "x"));
    await fixture.export();
    expect((await fixture.files()).get(path)?.equals(bytes)).toBe(true);
  });

  test("under a name is continued under it, and is no number's business", async () => {
    await using fixture = await openFixture();
    fixture.addRow({ prompt: "a cat" });
    await expect(fixture.export({}, { as: "final", openStore: failingAfter(2) })).rejects.toThrow("killed");
    expect(await fixture.export()).toMatchObject({ outcome: "created", version: "v1" });
    expect(await fixture.export({}, { as: "final" })).toMatchObject({ outcome: "continued", version: "final" });
  });

  test("between the manifest and LATEST is complete, whatever comes after it", async () => {
    await using fixture = await openFixture();
    fixture.addRow({ prompt: "a cat" });
    await expect(fixture.export({}, { openStore: failingAfter(8) })).rejects.toThrow("killed");
    expect((await pathsOf(fixture)).includes("v1/manifest.json")).toBe(true);
    fixture.addRow({ prompt: "a dog" });
    expect(await fixture.export()).toMatchObject({ outcome: "created", version: "v2" });
    expect(await fixture.export()).toMatchObject({ outcome: "unchanged", version: "v2" });
    expect(listExports(fixture.db, fileStore(`file://${fixture.exportDir}`).uri)).toMatchObject([
      { version: "v1", state: "complete", rows: 1 },
      { version: "v2", state: "complete", rows: 2 },
    ]);
    expect(await latestOf(fixture)).toBe("v2\n");
  });

  test("leaves no version where it was told to stop", async () => {
    await using fixture = await openFixture();
    fixture.addRow({ prompt: "a cat" });
    const stopping = AbortSignal.abort();
    await expect(fixture.export({}, {}, { stopping })).rejects.toBeInstanceOf(InterruptedError);
    expect(await pathsOf(fixture)).toEqual([]);
    expect(await fixture.export()).toMatchObject({ outcome: "created", version: "v1" });
  });

  test("leaves LATEST to be written by the next, also where it was lost", async () => {
    await using fixture = await openFixture();
    fixture.addRow({ prompt: "a cat" });
    await fixture.export();
    await rm(join(fixture.exportDir, "LATEST"));
    expect(await fixture.export()).toMatchObject({ outcome: "unchanged", version: "v1" });
    expect(await latestOf(fixture)).toBe("v1\n");
  });

  test("is none where the store only stumbles: a request is tried again", async () => {
    await using fixture = await openFixture();
    fixture.addRow({ prompt: "a cat" });
    const failed = new Set<string>();
    const openStore = watchedStore((key) => {
      if (failed.has(key)) return;
      failed.add(key);
      throw new TransientError("503");
    });
    expect(await fixture.export({}, { openStore })).toMatchObject({ outcome: "created" });
    expect(failed).toContain("v1/manifest.json");
  });
});

describe("bytes", () => {
  const fill = (fixture: Fixture, prompts: readonly number[]): void => {
    for (const index of prompts) fixture.addRow({ prompt: `prompt ${index}`, meta: { n: index }, agreement: index % 2 ? null : 0.5 });
  };
  const later = { nowMs: () => 1_900_000_000_000, sleep: () => Promise.resolve() };

  test.each([{}, { gzip: true }, { fields: "minimal" }, { shards: 3, splits: { train: 1, test: 1 } }])(
    "are the same for the same rows, in whatever order they were made, with %j",
    async (section) => {
      await using first = await openFixture();
      await using second = await openFixture();
      const prompts = Array.from({ length: 20 }, (_, index) => index);
      fill(first, prompts);
      fill(second, prompts.toReversed());
      await first.export(section);
      await second.export(section);
      expect(await second.files()).toEqual(await first.files());
    },
  );

  test("differ by time in the manifest only, and with SOURCE_DATE_EPOCH nowhere", async () => {
    const filesAt = async (env: Record<string, string>, clock?: typeof later) => {
      await using fixture = await openFixture();
      fill(fixture, [1, 2, 3]);
      await fixture.export({}, { env }, clock === undefined ? {} : { clock });
      return await fixture.files();
    };
    const [now, then] = [await filesAt({}), await filesAt({}, later)];
    expect([...now.keys()].filter((path) => !now.get(path)?.equals(then.get(path)!))).toEqual(["v1/manifest.json"]);
    const env = { SOURCE_DATE_EPOCH: "1700000000" };
    const pinned = await filesAt(env);
    expect(await filesAt(env, later)).toEqual(pinned);
    expect(String(pinned.get("v1/manifest.json"))).toContain('"created_at": "2023-11-14T22:13:20.000Z"');
  });

  test.each(["yesterday", "-1", "1.5"])("SOURCE_DATE_EPOCH=%s is refused", async (epoch) => {
    await using fixture = await openFixture();
    fixture.addRow({ prompt: "a cat" });
    await expect(fixture.export({}, { env: { SOURCE_DATE_EPOCH: epoch } })).rejects.toBeInstanceOf(ConfigError);
  });
});
