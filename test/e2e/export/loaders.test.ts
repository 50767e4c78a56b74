import { createReadStream, readFileSync, readdirSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { startEmulator, type Emulator } from "../../../src/emulator/emulator.ts";
import { isJsonArray, isJsonObject, parseExact, type Json } from "../../../src/lib/exact-json.ts";
import { openStore } from "../../../src/stores/registry.ts";
import { requirePart } from "../../helpers/parts.ts";
import {
  DATASETS_VERSIONS,
  loadedText,
  loadWithDatasets,
  requirePythonDatasets,
  runPython,
  type DatasetsVersion,
  type LoadJob,
} from "../../helpers/python/python-datasets.ts";
import { findWeed, SEAWEED_CREDENTIALS, startSeaweed, type Seaweed } from "../../helpers/seaweed.ts";
import { makeNastyDataset, type NastyDataset } from "../nasty-dataset.ts";

// What the program exports, read by the programs that it is made for.

const TABLES = ["default", "pairs", "rankings", "ties", "votes"];
const OPEN_IMAGES = join(import.meta.dirname, "../../helpers/python/open_images.py");
const RUN_CARD = join(import.meta.dirname, "../../helpers/python/run_card.py");
const SLOW_MS = 300_000;

const hasDatasets: ReadonlySet<DatasetsVersion> = new Set(DATASETS_VERSIONS.filter((version) => requirePythonDatasets(version)));

/** Versions of the export, by name. */
const SECTIONS = {
  strings: { tables: TABLES, seed_format: "string", shards: 2 },
  gzipped: { tables: TABLES, seed_format: "string", gzip: true },
  numbers: { tables: TABLES },
} as const;

let emulator: Emulator;
let made: NastyDataset;
beforeAll(async () => {
  emulator = await startEmulator();
  made = await makeNastyDataset(emulator);
  for (const name of ["strings", "gzipped"] as const) await made.exportAs(name, SECTIONS[name]);
  await made.exportAs("images", { formats: ["parquet", "webdataset", "imagefolder", "winlose"], seed_format: "string" });
  // What is over 2^53 - 1 cannot be exported as a number.
  await made.run("exclude", "--prompt", "big seeds", "--yes", "--reason", "seeds");
  await made.exportAs("numbers", SECTIONS.numbers);
}, SLOW_MS);
afterAll(async () => {
  made.remove();
  await emulator.stop();
});

const folderOf = (version: string): string => join(made.runs, "export", version);
const cardOf = (version: string): string => readFileSync(join(folderOf(version), "README.md"), "utf8");
const cacheDir = (name: string): string => join(made.dir, `cache-${name}`);

/** The rows of a table as our files have them, with seeds as `datasets` gives them. */
function rowsOf(version: string, table: string): readonly Json[] {
  const folder = join(folderOf(version), table === "default" ? "data" : table);
  return readdirSync(folder)
    .toSorted()
    .flatMap((name) => {
      const bytes = readFileSync(join(folder, name));
      return String(name.endsWith(".gz") ? gunzipSync(bytes) : bytes)
        .split("\n")
        .slice(0, -1);
    })
    .map((line) => asLoaded(parseExact(line)));
}

/** Seeds are numbers to `datasets`, whether they are written as text or not; what JSON cannot hold comes as text from Python. */
function asLoaded(value: Json, key = ""): Json {
  if (isJsonArray(value)) return value.map((item) => asLoaded(item));
  if (isJsonObject(value)) return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, asLoaded(inner, name)]));
  const integer = typeof value === "string" && /(?:^|_)seed$/.test(key) ? BigInt(value) : value;
  if (typeof integer === "string") return loadedText(integer);
  if (typeof integer !== "bigint") return integer;
  return integer > BigInt(Number.MAX_SAFE_INTEGER) ? String(integer) : Number(integer);
}

function featuresOf(version: string, table: string): string {
  const [, text = ""] =
    new RegExp(String.raw`\n${table === "default" ? "" : `${table}_`}features = (Features\(\{.*?\n\}\))`, "s").exec(cardOf(version)) ?? [];
  return text;
}

function pinnedFeatures(version: string, table: string): unknown {
  const [, front = ""] = /^---\n(.*?)\n---\n/s.exec(cardOf(version)) ?? [];
  const { dataset_info: info } = parse(front) as { dataset_info: { config_name: string; features: unknown }[] };
  return info.find(({ config_name: name }) => name === table)?.features;
}

function jobsOf(version: string, place: (path: string) => string, options: Partial<LoadJob> = {}): readonly LoadJob[] {
  return TABLES.map((table) => ({
    name: `${version} ${table}`,
    dataFiles: { train: place(`${table === "default" ? "data" : table}/train-*`) },
    features: featuresOf(version, table),
    ...options,
  }));
}

describe("the dataset", () => {
  it(
    "has what loaders stumble over, and is verified",
    async () => {
      const rows = rowsOf("strings", "default") as readonly Record<string, unknown>[];
      const text = JSON.stringify(rows);
      for (const part of ["18446744073709551615", "9007199254740993", "__proto__", "\ufffd"]) expect(text.toLowerCase()).toContain(part);
      expect(
        statSync(join(folderOf("strings"), "data/train-00000-of-00002.jsonl")).size +
          statSync(join(folderOf("strings"), "data/train-00001-of-00002.jsonl")).size,
      ).toBeGreaterThan(3_000_000);
      expect(rows.some(({ agreement }) => agreement === null)).toBe(true);
      expect(rows.some(({ agreement }) => agreement !== null)).toBe(true);
      const ties = rowsOf("strings", "ties") as readonly Record<string, unknown>[];
      expect(new Set(ties.map(({ kind }) => kind))).toEqual(new Set(["both_bad", "tie"]));
      for (const version of [...Object.keys(SECTIONS), "images"]) await made.run("verify", version);
    },
    SLOW_MS,
  );
});

describe.each(DATASETS_VERSIONS)("datasets %s", (datasets) => {
  const versions = Object.keys(SECTIONS);

  it.runIf(hasDatasets.has(datasets))(
    "loads every table by its card and by its files, by index and as a stream",
    async () => {
      const jobs = versions.flatMap((version) => [
        ...TABLES.map((table) => ({ name: `${version} ${table} by card`, folder: folderOf(version), config: table })),
        ...jobsOf(version, (path) => join(folderOf(version), path)),
      ]);
      const loaded = await loadWithDatasets(jobs, cacheDir(datasets), { version: datasets });
      for (const version of versions) {
        for (const table of TABLES) {
          for (const how of ["", " by card"]) {
            const name = `${version} ${table}${how}`;
            const { map, streaming, features } = loaded[name]!;
            const rows = rowsOf(version, table);
            expect(rows.length, name).toBeGreaterThan(0);
            expect(map["train"], name).toEqual(rows);
            expect(streaming["train"], name).toEqual(rows);
            // Before 4.0 lists are written in another way.
            expect(features.map, name).toEqual(["2.21", "3.6"].includes(datasets) ? features.streaming : pinnedFeatures(version, table));
          }
        }
      }
    },
    SLOW_MS,
  );
});

describe.runIf(requirePart("seaweedfs", findWeed() !== undefined))("data files in S3", () => {
  let seaweed: Seaweed;
  beforeAll(async () => {
    seaweed = await startSeaweed();
    for (const version of ["strings", "gzipped"]) await upload(folderOf(version), version);
  }, SLOW_MS);
  afterAll(() => seaweed.stop());

  async function upload(folder: string, prefix: string): Promise<void> {
    Object.assign(process.env, SEAWEED_CREDENTIALS);
    const settings = { uri: `s3://${seaweed.bucket}/${prefix}`, endpoint: seaweed.endpoint, tags: {}, metadata: "keep" } as const;
    const store = await openStore(settings, { concurrency: 4 });
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const file = join(entry.parentPath, entry.name);
      await store.put(relative(folder, file), createReadStream(file), statSync(file).size, { contentType: "application/octet-stream" });
    }
    await store.close();
  }

  const loadFromS3 = (version: string, datasets: DatasetsVersion, options: Partial<LoadJob> = {}) =>
    loadWithDatasets(
      jobsOf(version, (path) => `s3://${seaweed.bucket}/${version}/${path}`, options),
      cacheDir(`s3-${datasets}`),
      {
        version: datasets,
        env: { ...SEAWEED_CREDENTIALS, AWS_ENDPOINT_URL: seaweed.endpoint, AWS_DEFAULT_REGION: "us-east-1", ...ONLY_S3 },
      },
    );

  describe.each(DATASETS_VERSIONS)("with datasets %s", (datasets) => {
    it.runIf(hasDatasets.has(datasets))(
      "are loaded: plain both ways, gzip by index",
      async () => {
        const plain = await loadFromS3("strings", datasets);
        const gzipped = await loadFromS3("gzipped", datasets, { onlyMap: true }); // datasets#7295
        for (const table of TABLES) {
          expect(plain[`strings ${table}`]!.map["train"], table).toEqual(rowsOf("strings", table));
          expect(plain[`strings ${table}`]!.streaming["train"], table).toEqual(rowsOf("strings", table));
          expect(gzipped[`gzipped ${table}`]!.map["train"], table).toEqual(rowsOf("gzipped", table));
        }
      },
      SLOW_MS,
    );
  });
});

/** `datasets` takes S3 for the Hub, too, where it is to stay offline: the Hub is nowhere instead. */
const ONLY_S3 = { HF_HUB_OFFLINE: "0", HF_DATASETS_OFFLINE: "0", HF_ENDPOINT: "http://127.0.0.1:9" };

interface TrainedRow {
  readonly caption: string;
  readonly label: number;
  readonly win: { readonly size: readonly number[]; readonly pixels: string };
  readonly lose: { readonly size: readonly number[]; readonly pixels: string };
}

type Opened = Readonly<Record<string, { readonly rows: readonly TrainedRow[]; readonly columns?: Readonly<Record<string, string>> }>>;

describe("formats with images", () => {
  const sorted = (rows: readonly TrainedRow[]): readonly string[] =>
    rows.map(({ label: _label, ...row }) => JSON.stringify(row)).toSorted();

  describe.each(DATASETS_VERSIONS)("with datasets %s", (datasets) => {
    it.runIf(hasDatasets.has(datasets))(
      "are trained on as they should be: Parquet, and the others where it reads them",
      async () => {
        const others = { "2.21": [], "3.6": ["imagefolder"], "4.0": ["imagefolder"], "5.2": ["imagefolder", "webdataset", "winlose"] }[
          datasets
        ];
        const opened = (await runPython([OPEN_IMAGES, folderOf("images"), "parquet", ...others], {
          cacheDir: cacheDir(`images-${datasets}`),
          version: datasets,
        })) as Opened; // What the script writes.
        const { rows = [], columns } = opened["parquet"] ?? {};
        const pairs = (rowsOf("images", "default") as readonly { prompt: string; rejected: readonly unknown[] }[]).flatMap(
          ({ prompt, rejected }) => rejected.map(() => prompt),
        );
        expect(rows.map(({ caption }) => loadedText(caption))).toEqual(pairs);
        for (const { label, win, lose } of rows) {
          expect(label).toBe(1);
          expect(win.size).toEqual(lose.size);
          expect(win.pixels).not.toBe(lose.pixels);
        }
        expect(columns).toMatchObject({
          jpg_0: "binary",
          jpg_1: "binary",
          label_0: "float64",
          label_1: "float64",
          caption: "string",
          num_example_per_prompt: "int64",
          has_label: "bool",
          seed_0: "uint64",
        });
        for (const name of others) expect(sorted(opened[name]?.rows ?? []), name).toEqual(sorted(rows));
      },
      SLOW_MS,
    );
  });
});

describe("the card", () => {
  it.runIf(hasDatasets.has("5.2"))(
    "has snippets that run as they stand",
    async () => {
      const everything = { tables: TABLES, formats: ["parquet", "webdataset", "imagefolder", "winlose"] };
      const folder = await made.exportAs("snippets", everything);
      const ran = await runPython([RUN_CARD, folder], { cacheDir: cacheDir("card"), version: "5.2" });
      // For default and each table one by the card and one from object storage; one a format.
      expect(ran).toEqual({ snippets: 2 * TABLES.length + 4 });
    },
    SLOW_MS,
  );
});
