import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Config } from "../../src/config/schema.ts";
import { isWholePlan } from "../../src/db/queries/dataset.ts";
import { openDatabase, type Db } from "../../src/db/open.ts";
import { planDataset, type PlanNeeds } from "../../src/stages/plan-dataset.ts";
import { testConfig } from "../helpers/annotated-dataset.ts";
import { picture } from "../helpers/pictures.ts";

const WORKFLOW = join(import.meta.dirname, "../../configs/workflows/tiny.json");
const silent = () => undefined;

let dir: string;
let db: Db;
let config: Config;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "comfy-dpo-plan-"));
  db = openDatabase(join(dir, "pipeline.db"));
  const base = testConfig(dir);
  config = {
    ...base,
    prompts: { ...base.prompts, file: join(dir, "prompts.jsonl"), send: "send" },
    workflows: { main: { file: WORKFLOW, bind: { prompt: "none", seed: "2.seed" }, allow_nodes: ["core"], uploads: {} } },
    candidates: { ...base.candidates, per_prompt: 2 },
  };
});
afterEach(async () => {
  db.close();
  await rm(dir, { recursive: true, force: true });
});

const needs = (changed: Partial<Config> = {}): PlanNeeds => ({
  config: { ...config, ...changed },
  db,
  clock: { nowMs: () => 0, sleep: () => Promise.resolve() },
  log: { error: silent, warn: silent, info: silent, debug: silent, event: silent, progress: silent },
});
const write = (...rows: readonly object[]) => writeFile(config.prompts.file, rows.map((row) => JSON.stringify(row)).join("\n"));
const count = (query: string): number => Number(db.client.prepare(query).pluck().get());

describe("planDataset()", () => {
  it("takes the first of two rows of one prompt, however it is sent, also after a plan of the first prompts", async () => {
    await write({ prompt: "a cat", send: "x" }, { prompt: "a cat", send: "y" }, { prompt: "a dog", send: "z" });
    await planDataset(needs(), { promptsLimit: 1 });
    db.client.exec("update jobs set attempt = 1");
    await planDataset(needs());
    expect(db.client.prepare("select sent from prompts order by prompt").pluck().all()).toEqual(["x", "z"]);
    expect(count("select count(*) from jobs where aside = 0")).toBe(4);
  });

  it("refuses another text for a prompt that a server was given, and takes it where none was", async () => {
    await write({ prompt: "a cat", send: "a kat" });
    await planDataset(needs());
    await write({ prompt: "a cat", send: "a cat in a hat" });
    await planDataset(needs());
    expect(db.client.prepare("select sent from prompts").pluck().all()).toEqual(["a cat in a hat"]);
    db.client.exec("update jobs set attempt = 1");
    await write({ prompt: "a cat", send: "another cat" });
    await expect(planDataset(needs())).rejects.toThrow(/Cannot change the text sent to the model for the prompt "a cat"/);
  });

  it("knows a plan of the first prompts, and an interrupted one, from a whole one", async () => {
    await write({ prompt: "a cat" }, { prompt: "a dog" });
    const sent = { ...config.prompts, send: undefined };
    await planDataset(needs({ prompts: sent }), { promptsLimit: 1 });
    expect(isWholePlan(db)).toBe(false);
    expect(count("select count(*) from jobs")).toBe(2);
    await planDataset(needs({ prompts: sent }), { promptsLimit: 2 });
    expect(isWholePlan(db)).toBe(true);
    db.client.exec("update dataset set plan_fingerprint = null");
    expect(isWholePlan(db)).toBe(false);
    await planDataset(needs({ prompts: sent }));
    expect(isWholePlan(db)).toBe(true);
  });

  it("gives a prompt the same candidates whatever prompts, seeds and variants are added", async () => {
    const prompts = { ...config.prompts, send: undefined };
    await write({ prompt: "a cat" });
    await planDataset(needs({ prompts }));
    const before = db.client.prepare("select job from jobs").pluck().all();
    await write({ prompt: "a dog" }, { prompt: "a cat" });
    const { candidates } = config;
    const more = [...candidates.variants, { name: "wide", set: { "1.width": 128 }, zip: [] }];
    await planDataset(needs({ prompts, candidates: { ...candidates, per_prompt: 3, variants: more } }));
    expect(count("select count(*) from jobs where aside = 0")).toBe(2 * 3 * 2);
    expect(db.client.prepare("select job from jobs").pluck().all()).toEqual(expect.arrayContaining(before));
  });

  it("reads reference pictures again where one has changed, and knows contents for ever", async () => {
    const loader = {
      "1": { class_type: "LoadImage", inputs: { image: "x.png" } },
      "2": { class_type: "SaveImage", inputs: { images: ["1", 0], filename_prefix: "x" } },
    };
    const workflow = join(dir, "workflow.json");
    await writeFile(
      workflow,
      JSON.stringify({ ...loader, "3": { class_type: "ImageAddNoise", inputs: { image: ["1", 0], seed: 1, strength: 0 } } }),
    );
    await mkdir(join(dir, "refs"));
    const files = await Promise.all([1, 2, 3].map((seed) => picture({ seed })));
    const put = (name: string, index: number) => writeFile(join(dir, "refs", name), files[index]!);
    await Promise.all([put("a.png", 0), put("b.png", 1)]);
    const { send: _send, ...prompts } = { ...config.prompts, columns: { pose: "pose" } };
    const bind = { prompt: "none", seed: "3.seed", pose: "1.image" };
    const own = { prompts, workflows: { main: { file: workflow, bind, allow_nodes: ["core"], uploads: { pose: join(dir, "refs") } } } };
    await write({ prompt: "a cat", pose: "a.png" }, { prompt: "a dog", pose: "b.png" });
    expect(await planDataset(needs(own))).toMatchObject({ changed: true, newPrompts: 2 });
    expect(await planDataset(needs(own))).toMatchObject({ changed: false });
    await put("b.png", 2);
    expect(await planDataset(needs(own))).toMatchObject({ changed: true, newPrompts: 1 });
    expect(count("select count(*) from reference_files")).toBe(3);
    expect(count("select count(*) from reference_paths")).toBe(2);
    await put("b.png", 1);
    expect(await planDataset(needs(own))).toMatchObject({ changed: true, newPrompts: 0 });
    expect(count("select count(*) from jobs where aside = 0")).toBe(4);
    await rm(join(dir, "refs/b.png"));
    await expect(planDataset(needs(own))).rejects.toThrow(/line 2 names "b\.png" in column "pose"/);
  });

  it("refuses uploads that no column names", async () => {
    await write({ prompt: "a cat" });
    const bind = { prompt: "none", seed: "2.seed", pose: "1.color" };
    const workflows = { main: { file: WORKFLOW, bind, allow_nodes: ["core"], uploads: { pose: dir } } };
    await expect(planDataset(needs({ workflows }))).rejects.toThrow('Cannot upload files for "pose": no column of the prompts names them');
  });
});
