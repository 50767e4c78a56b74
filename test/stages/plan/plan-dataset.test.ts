import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Config } from "../../../src/config/schema.ts";
import { isWholePlan } from "../../../src/db/queries/overview/dataset.ts";
import { openDatabase, type Db } from "../../../src/db/open.ts";
import { markWorked } from "../../../src/db/queries/plan/variants.ts";
import { planDataset, type PlanNeeds } from "../../../src/stages/plan/plan-dataset.ts";
import { testConfig } from "../../helpers/annotated-dataset.ts";
import { makeImage } from "../../helpers/images.ts";

const WORKFLOW = join(import.meta.dirname, "../../../configs/workflows/tiny.json");
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

const warnings: string[] = [];
const needs = (changed: Partial<Config> = {}): PlanNeeds => ({
  config: { ...config, ...changed },
  db,
  clock: { nowMs: () => 0, sleep: () => Promise.resolve() },
  log: { error: silent, warn: (message) => void warnings.push(message), info: silent, debug: silent, event: silent, progress: silent },
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
    expect(count("select count(*) from jobs where inactive = 0")).toBe(4);
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
    expect(count("select count(*) from jobs where inactive = 0")).toBe(2 * 3 * 2);
    expect(db.client.prepare("select job from jobs").pluck().all()).toEqual(expect.arrayContaining(before));
  });

  it("counts what is new, kept, set aside and back", async () => {
    const prompts = { ...config.prompts, send: undefined };
    await write({ prompt: "a cat" }, { prompt: "a dog" }, { prompt: "a fox" });
    const first = await planDataset(needs({ prompts }));
    expect(first).toMatchObject({ newPrompts: 3, newJobs: 6, keptJobs: 0, backJobs: 0, inactiveJobs: 0, inactivePrompts: 0, isCut: false });
    const cut = await planDataset(needs({ prompts }), { promptsLimit: 1 });
    expect(cut).toMatchObject({ newJobs: 0, keptJobs: 2, backJobs: 0, inactiveJobs: 4, inactivePrompts: 2, isCut: true });
    await write({ prompt: "a cat" }, { prompt: "a dog" }, { prompt: "a cow" });
    const { candidates } = config;
    const more = await planDataset(needs({ prompts, candidates: { ...candidates, per_prompt: 3 } }));
    expect(more).toMatchObject({ newPrompts: 1, newJobs: 5, keptJobs: 2, backJobs: 2, inactiveJobs: 0, inactivePrompts: 0, isCut: false });
    const fewer = await planDataset(needs({ prompts, candidates: { ...candidates, per_prompt: 1 } }));
    expect(fewer).toMatchObject({ newJobs: 0, keptJobs: 3, backJobs: 0, inactiveJobs: 6, inactivePrompts: 0 });
    expect(count("select count(*) from jobs"), "nothing is deleted").toBe(11);
  });

  it("takes over what is no part of the workflow's hash: names bound to other values, which become params", async () => {
    await write({ prompt: "a cat", send: "x" });
    await planDataset(needs());
    const bind = { prompt: "none", seed: "2.seed", strength: "2.strength" };
    await planDataset(needs({ workflows: { main: { ...config.workflows["main"]!, bind } } }));
    expect(db.client.prepare("select params from variants").pluck().get()).toBe('{"strength":0.5}');
  });

  it("remembers a configuration whose plan is the same", async () => {
    await write({ prompt: "a cat", send: "x" });
    await planDataset(needs());
    await planDataset(needs({ written: { servers: [] } }));
    expect(db.client.prepare("select config from dataset").pluck().get()).toBe('{"servers":[]}');
  });

  it("refuses another base seed, also by way of seeds that were listed in between", async () => {
    await write({ prompt: "a cat", send: "x" });
    const { candidates } = config;
    await planDataset(needs({ seed: 1n }));
    await expect(planDataset(needs({ seed: 2n }))).rejects.toThrow(/seed changed from 1 to 2/);
    await planDataset(needs({ seed: 2n, candidates: { ...candidates, seeds: [5] } }));
    await expect(planDataset(needs({ seed: 2n }))).rejects.toThrow(/seed changed from 1 to 2/);
    await planDataset(needs({ seed: 1n }));
  });

  it("refuses values of a job in other places of the same graph, which the workflow's hash does not show", async () => {
    await write({ prompt: "a cat", send: "x", W: 64, H: 32 });
    const prompts = { ...config.prompts, columns: { width: "W", height: "H" } };
    const bound = (bind: Readonly<Record<string, string | string[]>>): Partial<Config> => ({
      prompts,
      workflows: { main: { ...config.workflows["main"]!, bind: { prompt: "none", seed: "2.seed", ...bind } } },
    });
    await planDataset(needs(bound({ width: "1.width", height: "1.height" })));
    markWorked(db, "base");
    const sha = db.client.prepare("select workflow_sha256 from variants").pluck().get();
    await expect(planDataset(needs(bound({ width: "1.height", height: "1.width" })))).rejects.toThrow(
      'variant "base" changed (bind.width: 1.width → 1.height; bind.height: 1.height → 1.width)',
    );
    expect(db.client.prepare("select workflow_sha256 from variants").pluck().get(), "the hash alone is the same").toBe(sha);
    // A name that no job fills may be bound as one likes.
    await planDataset(needs(bound({ width: "1.width", height: "1.height", color: "1.color" })));
    await expect(planDataset(needs({ ...bound({ width: "1.width" }), prompts: { ...prompts, columns: { width: "W" } } }))).rejects.toThrow(
      'variant "base" changed',
    );
  });

  it("refuses another value of the workflow's own where some prompt brings none, which its hash does not show", async () => {
    const prompts = { ...config.prompts, send: undefined, columns: { width: "W" } };
    const file = join(dir, "workflow.json");
    const workflows = { main: { ...config.workflows["main"]!, file, bind: { prompt: "none", seed: "2.seed", width: "1.width" } } };
    const own = await readFile(WORKFLOW, "utf8");
    await writeFile(file, own);
    await write({ prompt: "a cat", W: "64" }, { prompt: "a dog", W: 32 });
    await planDataset(needs({ prompts, workflows }));
    await writeFile(file, own.replace('"width": 64', '"width": 128'));
    await planDataset(needs({ prompts, workflows }));
    await write({ prompt: "a cat", W: "64" }, { prompt: "a dog" });
    await planDataset(needs({ prompts, workflows }));
    await writeFile(file, own.replace('"width": 64', '"width": 256'));
    await expect(planDataset(needs({ prompts, workflows }))).rejects.toThrow('variant "base" changed (1.width: 128 → 256)');
  });

  it("says which input changed in a variant that makes other images now", async () => {
    await write({ prompt: "a cat", send: "x" });
    await planDataset(needs());
    markWorked(db, "base");
    const { candidates } = config;
    const changed = { ...candidates, variants: [{ name: "base", set: { "1.width": 128 }, zip: [] }] };
    await expect(planDataset(needs({ candidates: changed }))).rejects.toThrow(/variant "base" changed \(1\.width: \d+ → 128\)/);
  });

  it("plans a variant anew that was changed before it made an image, and sets aside what it had", async () => {
    await write({ prompt: "a cat", send: "x" });
    const { newJobs } = await planDataset(needs());
    const { candidates } = config;
    const changed = { ...candidates, variants: [{ name: "base", set: { "1.width": 128 }, zip: [] }] };
    expect(await planDataset(needs({ candidates: changed }))).toMatchObject({ newJobs, inactiveJobs: newJobs });
    expect(db.client.prepare("select inactive, count(*) from jobs group by inactive order by inactive").raw().all()).toEqual([
      [0, newJobs],
      [1, newJobs],
    ]);
    db.client.prepare("update jobs set state = 'submitted' where inactive = 0").run();
    await expect(planDataset(needs())).rejects.toThrow('variant "base" changed');
  });

  it("warns of cells that do not fit their input, with the line of the first", async () => {
    await write({ prompt: "a cat", W: "64" }, { prompt: "a dog", W: "wide" }, { prompt: "a fox", W: "very wide" });
    const prompts = { ...config.prompts, send: undefined, columns: { width: "W" } };
    const workflows = { main: { ...config.workflows["main"]!, bind: { prompt: "none", seed: "2.seed", width: "1.width" } } };
    warnings.length = 0;
    await planDataset(needs({ prompts, workflows }));
    expect(warnings).toEqual([
      expect.stringMatching(
        /2 prompts whose width cannot stand in input "width" of node 1 .*: will fail, the others go on \(the first: line 2\)/,
      ),
    ]);
  });

  it("reads reference images again where one has changed, and knows contents for ever", async () => {
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
    const files = await Promise.all([1, 2, 3].map((seed) => makeImage({ seed })));
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
    expect(count("select count(*) from jobs where inactive = 0")).toBe(4);
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
