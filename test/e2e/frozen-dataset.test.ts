import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startEmulator, type Emulator } from "../../src/emulator/emulator.ts";
import { openDatabase } from "../../src/db/open.ts";
import { ensureDataset } from "../../src/db/queries/overview/dataset.ts";
import { scoringAll, startStandIn, type StandIn } from "../helpers/stand-ins/judge-stand-in.ts";
import { runCli, startCli } from "../helpers/run-cli.ts";
import { makeProject, type Project } from "./project.ts";

// One dataset with everything in it, whose exported bytes, events and exit codes are kept as files: whoever moves or merges code sees what
// changed
// for users. `vitest run --project e2e -u test/e2e/frozen-dataset.test.ts` writes them anew, once a change is wanted and in the CHANGELOG.

const FIXTURES = join(import.meta.dirname, "../fixtures/frozen-dataset");
/** Pseudonyms of annotators and ids of votes are made of the dataset's id, which is random in a new database. */
const DATASET_ID = "4f1c8a52-6d0b-4c3e-9a77-0d2b6e5f8c11";
const PROMPTS = [
  '{"prompt":"a red fox in the snow","id":"fox","Category":"Animals","Challenge":null}',
  '{"prompt":"two “cups” of tea, 日本語 🫖","id":"tea","Category":"Food","Challenge":"Quantity"}',
  '{"prompt":"line one\\nline two","id":"lines","Category":"Text","Challenge":""}',
  '{"prompt":"a lone surrogate \\ud800","id":"odd","Category":"Text","Challenge":{"n":1.0}}',
  '{"prompt":"a map of an island","id":"map","Category":"World","Challenge":9007199254740993}',
  '{"prompt":"مدينة عند الغروب","id":"city","Category":"World","Challenge":true}',
];
const EXPORT = {
  uri_base: "https://data.example/set",
  card: { license: "apache-2.0", authors: "the team", models: { "sd15.safetensors": "somebody/sd15" }, samples: 2 },
  splits: { train: 60, validation: 20, test: 20 },
  tables: ["default", "pairs", "rankings", "ties", "votes"],
  formats: ["jsonl", "parquet", "webdataset", "imagefolder"],
  shards: 2,
};

let emulator: Emulator;
let judge: StandIn;
let project: Project;
const told: Record<string, unknown> = {};

beforeAll(async () => {
  [emulator, judge] = await Promise.all([startEmulator({ execMs: 30 }), startStandIn(scoringAll)]);
  project = makeProject({
    servers: [emulator.url],
    config: {
      prompts: { file: "prompts.jsonl", keep: ["Category", "Challenge"], id: "id" },
      candidates: {
        per_prompt: 3,
        variants: [
          { name: "base", set: { width: 64, height: 64 } },
          { name: "sweep", set: { width: 64, height: 64, cfg: [3, 9.5] } },
        ],
      },
      workflow: {
        file: "workflow.json",
        bind: { prompt: "2.text", seed: "class:KSampler#seed", cfg: "class:KSampler#cfg", width: "5.width", height: "5.height" },
      },
      annotate: {
        criteria: ["overall", "beauty"],
        judges: [{ name: "pick", kind: "http", url: judge.url, version: "1" }],
        filters: { near_duplicate: 0, blank: false, flagged: true },
        pairs: { main: { from: ["people", "pick"] }, strict: { from: ["people"], min_votes: 2, policy: "best-worst" } },
      },
      export: { ...EXPORT, pairs: "main" },
    },
  });
  writeFileSync(join(project.dir, "prompts.jsonl"), `${PROMPTS.join("\n")}\n`);
  mkdirSync(project.runs);
  const db = openDatabase(join(project.runs, "pipeline.db"));
  ensureDataset(db, { name: "e2e", nowMs: 0 });
  db.client.prepare("update dataset set dataset_id = ?").run(DATASET_ID);
  db.close();
}, 60_000);
afterAll(async () => {
  await Promise.all([emulator.stop(), judge[Symbol.asyncDispose]()]);
  project.remove();
});

/** Runs a command and keeps what a script would see of it. */
async function run(...args: readonly string[]): Promise<void> {
  const { exit, stdout } = await runCli([...args, "--json", "-c", project.config], { env: { SOURCE_DATE_EPOCH: "1767225600" } });
  const lines = stdout.split("\n").filter((line) => line !== "");
  const events = lines.map((line) => steady(JSON.parse(line) as { readonly event: string }));
  const words = args.map((word) => word.replaceAll(project.dir, "DIR")).join(" ");
  told[words in told ? `${words} (again)` : words] = { exit, events: foldItems(events) };
}

/** Events of single jobs and images, which a kill leaves to another run: their names of values are kept, once. */
const OF_ITEMS = new Set(["generated", "stored"]);

/** What a kill leaves behind, or does not, by where it hits. */
const OF_KILLS = new Set(["lost_jobs", "ambiguous_submissions"]);

function foldItems(events: readonly unknown[]): readonly unknown[] {
  const shapes = events
    .filter((event) => !OF_KILLS.has((event as { readonly event: string }).event))
    .map((event) => {
      const { event: name, ...values } = event as { readonly event: string };
      return OF_ITEMS.has(name) ? { event: name, values: Object.keys(values) } : event;
    });
  const texts = shapes.map((shape) => JSON.stringify(shape));
  return shapes.filter(
    (shape, index) => !OF_ITEMS.has((shape as { readonly event: string }).event) || texts.indexOf(texts[index] ?? "") === index,
  );
}

/** Values that differ from run to run: times, rates, what a process or a machine is like. */
const VOLATILE = /(?:_ms|_s|_at|at_ms|seconds|pid|rate|free|eta|used|ms|time|memory|number)$/i;

/** Makes an event of one run comparable with that of another. */
function steady(value: unknown, key = ""): unknown {
  if (Array.isArray(value)) return value.map((item) => steady(item));
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(
      Object.entries(value).flatMap(([name, item]) => (OF_KILLS.has(name) ? [] : [[name, steady(item, name)] as const])),
    );
  }
  if (VOLATILE.test(key)) return `<${typeof value}>`;
  if (typeof value !== "string") return value;
  return value
    .replaceAll(project.dir, "DIR")
    .replaceAll(emulator.url, "SERVER")
    .replaceAll(judge.url, "JUDGE")
    .replaceAll(/\d+(?:\.\d+)? (?:ms|s|[KMG]iB|[kMG]B|B)\b/g, "N UNIT");
}

/** Kills the run once so many images are stored. */
async function runKilledAt(stored: number): Promise<void> {
  const cli = startCli(["run", "-c", project.config]);
  const count = (): number => project.count("select count(*) from images where state = 'stored'");
  await expect.poll(count, { timeout: 60_000, interval: 5 }).toBeGreaterThanOrEqual(stored);
  cli.child.kill("SIGKILL");
  await cli.result;
}

/** Preferences, a tie, both bad, a skip and flags, by three people. */
function writeVotes(): string {
  const imagesOf = (id: string): readonly string[] =>
    project.column(`select image_id from image_index where source_id = '${id}' and state = 'stored' order by image_id`).map(String);
  const [fox, tea, map] = ["fox", "tea", "map"].map(imagesOf);
  const votes = [
    { images: fox, choice: 1 },
    { images: fox, choice: 1, ms: 4_150, cast_at: "2026-03-01T21:04:05Z" },
    { images: fox, choice: 2, flags: { [String(fox?.[4])]: ["artefact"] } },
    { images: tea?.slice(0, 4), ranking: [[tea?.[2]], [tea?.[0], tea?.[1]], [tea?.[3]]] },
    { images: tea?.slice(0, 2), choice: 0, criterion: "beauty" },
    { images: map?.slice(0, 2), choice: "tie" },
    { images: map?.slice(2, 4), choice: "both_bad" },
    { images: map?.slice(1, 3), choice: "skip" },
  ];
  const file = join(project.dir, "votes.jsonl");
  const lines = votes.map((vote, index) => JSON.stringify({ vote_id: `vote ${index}`, annotator: `Zoë ${index % 3}`, ...vote }));
  writeFileSync(file, `${lines.join("\n")}\n`);
  return file;
}

const kept = (name: string): string => join(FIXTURES, name);
const textOf = (content: unknown): string => `${JSON.stringify(content, null, 1)}\n`;

describe("the frozen dataset", () => {
  it("is made in a night with two kills, voted on, exported, corrected and exported again", async () => {
    await runKilledAt(7);
    await runKilledAt(30);
    await run("run");
    await run("annotate", "import", writeVotes());
    await run("link");
    await run("export", "--as", "whole");
    const [out = ""] = project.column("select image_id from image_index where source_id = 'fox' order by image_id limit 1").map(String);
    await run("exclude", "--image", out, "--reason", "a watermark", "--yes");
    await run("export");
    project.configure({ export: { ...EXPORT, pairs: "strict", formats: ["jsonl"], gzip: true, fields: "minimal", tables: ["default"] } });
    await run("export", "--as", "strict");
    await run("export", "diff", "whole", "v2");
    await run("verify", "whole");
    await run("status");
    await run("exclude", "list");
    await run("retry");
    await run("check");
    await run("export", "--pairs", "nothing");
    await run("judge", "--dry-run");
    expect(project.count("select count(*) from images where state = 'stored'")).toBe(PROMPTS.length * 9 - 1);
  }, 240_000);

  it("gives the bytes that are kept", async () => {
    const versions = ["whole", "v2", "strict"].filter(
      (version) => project.count(`select 1 from exports where version = '${version}'`) === 1,
    );
    await expect(textOf(Object.fromEntries(versions.map((version) => [version, project.exported(version)])))).toMatchFileSnapshot(
      kept("files.json"),
    );
    // Where files differ, these say in what.
    await expect(textOf(project.rows("whole"))).toMatchFileSnapshot(kept("whole-rows.json"));
    await expect(readFileSync(join(project.runs, "export/whole/README.md"), "utf8")).toMatchFileSnapshot(kept("whole-card.md"));
    const manifest: unknown = JSON.parse(readFileSync(join(project.runs, "export/whole/manifest.json"), "utf8"));
    await expect(textOf(steady(manifest))).toMatchFileSnapshot(kept("whole-manifest.json"));
  });

  it("tells the events and exit codes that are kept", async () => {
    await expect(textOf(told)).toMatchFileSnapshot(kept("events.json"));
  });
});
