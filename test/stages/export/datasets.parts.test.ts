import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { loadWithDatasets, requirePythonDatasets, type LoadedDataset, type LoadJob } from "../../helpers/python/python-datasets.ts";
import { readVersion, type Exported } from "./exported.ts";
import { openFixture, type Fixture } from "./fixture-database.ts";

const hasDatasets = requirePythonDatasets();
const THIRDS = { train: 1, validation: 1, test: 1 };
const BIG_SEED = "18446744073709551615";

/**
 * 90 rows of about 1 KB, more than the loader reads at once below before it decides on types. At equal thirds 0, 1 and 2 go to a split
 * each: one row
 * of each split fills what the others leave empty.
 */
function addRows(fixture: Fixture): void {
  for (let index = 0; index < 90; index++) {
    fixture.addRow({
      prompt: `"A picture" of ${index}…`,
      meta: { n: index, note: `猫 ${"x".repeat(400)}` },
      scores: index % 2 ? [1, 0, -1] : [0.75, 0.5],
      ...(index < 3 ? { agreement: 0.5, nVotes: 2, references: { reference: "ab" }, source: "people" } : {}),
    });
  }
}

describe.skipIf(!hasDatasets)("Python datasets", () => {
  let fixture: Fixture;
  let loaded: Readonly<Record<string, LoadedDataset>>;
  const exported = new Map<string, Exported>();

  const versions = {
    full: { splits: THIRDS, shards: 3 },
    gzipped: { gzip: true },
    minimal: { fields: "minimal" },
    strings: { seed_format: "string" },
  };

  beforeAll(async () => {
    fixture = await openFixture();
    addRows(fixture);
    const jobs: LoadJob[] = [];
    for (const [as, section] of Object.entries(versions)) {
      await fixture.export(section, { as });
      exported.set(as, await readVersion(fixture, as));
      const folder = join(fixture.exportDir, as);
      const features = /Features\(\{.*?\n\}\)/s.exec(exported.get(as)!.text("README.md"))?.[0];
      const dataFiles = { train: join(folder, "data/train-*") };
      jobs.push({ name: as, folder }, { name: `${as} without card`, dataFiles, features: features! });
      if (as !== "strings") jobs.push({ name: `${as} inferred`, dataFiles, chunkBytes: 4_096 });
    }
    loaded = await loadWithDatasets(jobs, join(fixture.dir, "cache"));
  }, 180_000);
  afterAll(() => fixture[Symbol.asyncDispose]());

  const cardFeatures = (version: string): unknown => {
    const [, frontMatter = ""] = /^---\n(.*?)\n---\n/s.exec(exported.get(version)!.text("README.md")) ?? [];
    return (parse(frontMatter) as { dataset_info: { features: unknown }[] }).dataset_info[0]!.features;
  };

  test.each(["full", "minimal"])("loads every row of every split of %s by its card, by index and as a stream", (version) => {
    const { map, streaming } = loaded[version]!;
    const splits = ["test", "train", "validation"];
    expect(Object.keys(map).toSorted()).toEqual(splits);
    expect(Object.keys(streaming).toSorted()).toEqual(splits);
    for (const split of splits) {
      const rows = exported.get(version)!.rows(split);
      expect(rows.length).toBeGreaterThan(0);
      expect(map[split]).toEqual(rows);
      expect(streaming[split]).toEqual(rows);
    }
  });

  test("reads 64-bit seeds of strings exactly", async () => {
    await using own = await openFixture();
    own.addRow({ prompt: "a cat", seeds: [BIG_SEED, "7"] });
    own.addRow({ prompt: "a dog" });
    await own.export({ seed_format: "string" });
    const { big } = await loadWithDatasets([{ name: "big", folder: join(own.exportDir, "v1") }], join(own.dir, "cache"));
    const rows = (await readVersion(own)).rows();
    const seeds = rows.map(({ chosen }) => (chosen.seed === BIG_SEED ? BIG_SEED : Number(chosen.seed)));
    expect(seeds).toContain(BIG_SEED);
    for (const read of [big!.map["train"], big!.streaming["train"]]) {
      expect((read as { chosen: { seed: unknown } }[]).map(({ chosen }) => chosen.seed)).toEqual(seeds);
    }
  }, 60_000);

  // A "-1" in a column of uint64 makes it refuse the whole dataset.
  test("reads a dataset in which a seed is not known, whichever way seeds are written", async () => {
    await using own = await openFixture();
    own.addRow({ prompt: "a cat", seeds: ["7", "-1"] });
    own.db.client.prepare("update jobs set adopted = 1 where seed = '-1'").run();
    await own.export({ seed_format: "string", tables: ["pairs"] }, { as: "text" });
    await own.export({ seed_format: "number", tables: ["pairs"] }, { as: "numbers" });
    const folders = { text: join(own.exportDir, "text"), numbers: join(own.exportDir, "numbers") };
    const jobs = Object.entries(folders).flatMap(([name, folder]): LoadJob[] => [
      { name, folder },
      { name: `${name} pairs`, folder, config: "pairs" },
    ]);
    const read = await loadWithDatasets(jobs, join(own.dir, "cache"));
    expect(read["text"]!.map["train"]).toMatchObject([{ chosen: { seed: "7" }, rejected: [{ seed: "-1" }] }]);
    expect(read["text pairs"]!.streaming["train"]).toMatchObject([{ chosen_seed: "7", rejected_seed: "-1" }]);
    expect(read["numbers"]!.map["train"]).toMatchObject([{ chosen: { seed: 7 }, rejected: [{ seed: -1 }] }]);
    expect(read["numbers pairs"]!.streaming["train"]).toMatchObject([{ chosen_seed: 7, rejected_seed: -1 }]);
  }, 60_000);

  // `datasets` names its cache by the folder's last name and the card: with equal cards it answers with the other dataset's rows.
  test("never takes another dataset's rows of the same version name from the cache", async () => {
    await using first = await openFixture();
    await using second = await openFixture();
    first.addRow({ prompt: "a cat" });
    second.addRow({ prompt: "a dog" });
    await first.export();
    await second.export();
    const jobs = [first, second].map(({ exportDir }, index) => ({ name: String(index), folder: join(exportDir, "v1") }));
    const read = await loadWithDatasets(jobs, join(first.dir, "cache"));
    expect(read["0"]!.map["train"]).toEqual((await readVersion(first)).rows());
    expect(read["1"]!.map["train"]).toEqual((await readVersion(second)).rows());
  }, 60_000);

  test("takes gzip for the same rows", () => {
    const rows = loaded["gzipped"]!.map["train"];
    expect(rows).toEqual(loaded["full"]!.map["train"]);
    expect(loaded["gzipped"]!.streaming["train"]).toEqual(rows);
    expect(loaded["gzipped without card"]!.map["train"]).toEqual(rows);
  });

  test.each(Object.keys(versions))("has the features of %s as the card pins them", (version) => {
    const { features } = loaded[version]!;
    expect(features.map).toEqual(cardFeatures(version));
    expect(features.streaming).toEqual(cardFeatures(version));
  });

  test.each(Object.keys(versions))("takes the card's Python features where it cannot read the card of %s", (version) => {
    const { map, streaming, features } = loaded[`${version} without card`]!;
    expect(features.map).toEqual(cardFeatures(version));
    expect(map["train"]).toEqual(loaded[version]!.map["train"]);
    expect(streaming["train"]).toEqual(map["train"]);
  });

  test.each(["full", "minimal"])("infers the pinned types of %s from the rows alone", (version) => {
    const { map, streaming, features } = loaded[`${version} inferred`]!;
    const rows = exported.get(version)!.rows("train");
    expect(map["train"]).toEqual(rows);
    expect(streaming["train"]).toEqual(rows);
    expect(typesOf(features.map)).toEqual(typesOf(cardFeatures(version)));
  });
});

/** Names and types, whichever order. */
function typesOf(features: unknown): unknown {
  return (features as { name: string }[]).toSorted((first, second) => (first.name < second.name ? -1 : 1));
}
