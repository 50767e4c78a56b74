import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { startEmulator, type Emulator } from "../../src/emulator/emulator.ts";
import { runCli, startCli } from "../helpers/run-cli.ts";
import { makeProject, type Project } from "./project.ts";

// What a person types wrong, and what they read then. Nothing may be changed by it.

let emulator: Emulator;
let project: Project;
beforeAll(async () => {
  emulator = await startEmulator({ port: 0 });
});
afterAll(() => emulator.stop());
afterEach(() => project.remove());

const open = (config: Readonly<Record<string, unknown>> = {}): Project => (project = makeProject({ servers: [emulator.url], config }));
const bind = { prompt: "2.text", seed: "4.seed", width: "5.width", height: "5.height" };

/** A workflow of the shipped kind, changed. */
function writeWorkflow(
  made: Project,
  change: (graph: Record<string, { class_type: string; inputs: Record<string, unknown>; _meta?: { title: string } }>) => void,
): void {
  const file = join(made.dir, "workflow.json");
  const graph = JSON.parse(readFileSync(file, "utf8")) as Parameters<typeof change>[0];
  change(graph);
  writeFileSync(file, JSON.stringify(graph));
}

interface Case {
  readonly name: string;
  readonly config?: Readonly<Record<string, unknown>>;
  readonly arrange?: (made: Project) => void;
  readonly says: readonly RegExp[];
}

const USAGE: readonly Case[] = [
  { name: "bad YAML", arrange: (made) => writeFileSync(made.config, "dataset: [a\n  b: c"), says: [/pipeline\.yaml/, /line|:\d+/] },
  { name: "a key that comes later", config: { runner: { kind: "slurm" } }, says: [/runner comes with a later version/] },
  { name: "an unknown key", config: { generat: { window: 2 } }, says: [/generat/, /generate/] },
  { name: "a missing workflow file", config: { workflow: { file: "nowhere.json", bind } }, says: [/nowhere\.json/] },
  {
    name: "a workflow in UI format",
    arrange: (made) =>
      writeFileSync(
        join(made.dir, "workflow.json"),
        JSON.stringify({ last_node_id: 1, last_link_id: 0, nodes: [{ id: 1, type: "KSampler" }], links: [], version: 0.4 }),
      ),
    says: [/Export \(API\)/],
  },
  { name: "broken JSON", arrange: (made) => writeFileSync(join(made.dir, "workflow.json"), '{"1": {'), says: [/workflow\.json/, /line 1/] },
  {
    name: "bind to a missing node",
    config: { workflow: { file: "workflow.json", bind: { ...bind, prompt: "99.text" } } },
    says: [/99/, /Try:/],
  },
  {
    name: "an ambiguous title",
    config: { workflow: { file: "workflow.json", bind: { ...bind, prompt: "title:Text#text" } } },
    arrange: (made) =>
      writeWorkflow(made, (graph) => {
        for (const id of ["2", "3"]) graph[id]!._meta = { title: "Text" };
      }),
    says: [/2\.text/, /3\.text/],
  },
  {
    name: "a dangling link",
    arrange: (made) => writeWorkflow(made, (graph) => (graph["4"]!.inputs["model"] = ["77", 0])),
    says: [/77/, /node 4/],
  },
  {
    name: "a cycle",
    arrange: (made) =>
      writeWorkflow(made, (graph) => {
        graph["2"]!.inputs["clip"] = ["3", 0];
        graph["3"]!.inputs["clip"] = ["2", 0];
      }),
    says: [/cycle/i],
  },
  {
    name: "a class that is not allowed",
    arrange: (made) => writeWorkflow(made, (graph) => (graph["50"] = { class_type: "EvilNode", inputs: {} })),
    says: [/EvilNode/, /allow_nodes: \[core, EvilNode\]/],
  },
  { name: "an empty prompts file", arrange: (made) => writeFileSync(join(made.dir, "prompts.txt"), "\n\n"), says: [/prompts\.txt/] },
  {
    name: "a missing column",
    config: { prompts: { file: "prompts.tsv", prompt: "Prompt" } },
    arrange: (made) => writeFileSync(join(made.dir, "prompts.tsv"), "Promt\tCategory\na cat\tAnimals\n"),
    says: [/Prompt/, /Promt/],
  },
  { name: "a bad URL", config: { servers: [{ url: "ftp://127.0.0.1" }] }, says: [/servers\[0\]\.url/, /http:\/\//] },
];

describe("exit 2", () => {
  it.each(USAGE)("for $name", async ({ config, arrange, says }) => {
    const made = open(config);
    arrange?.(made);
    const { exit, stderr } = await runCli(["run", "-c", made.config]);
    expect(exit, stderr).toBe(2);
    expect(stderr).toMatch(/^Error: /m);
    for (const words of says) expect(stderr).toMatch(words);
    expect(emulator.stats.submitted).toBe(0);
    expect(made.started(), "something was written").toBe(false);
  });

  it("for no configuration", async () => {
    open();
    const { exit, stderr } = await runCli(["run", "-c", join(project.dir, "none.yaml")]);
    expect(exit, stderr).toBe(2);
    expect(stderr).toContain("none.yaml: there is no such file");
  });

  it("for a changed base seed, workflow or store on an existing dataset", async () => {
    const made = open();
    expect((await runCli(["run", "-c", made.config])).exit).toBe(0);
    for (const [change, words] of [
      [{ seed: 8 }, /seed changed from 7 to 8/],
      [{ store: { uri: "file:other" } }, /its 12 images are missing there/],
      [
        {
          workflow: { file: "workflow.json", bind: { ...bind, cfg: "4.cfg" } },
          candidates: { per_prompt: 3, variants: [{ name: "base", set: { width: 64, height: 64, cfg: 3 } }] },
        },
        /variant "base" changed/,
      ],
    ] as const) {
      made.configure(change);
      const { exit, stderr } = await runCli(["run", "-c", made.config]);
      expect(exit, stderr).toBe(2);
      expect(stderr).toMatch(words);
    }
  });
});

describe("exit 1", () => {
  it("for a second process, naming the first", async () => {
    const slow = await startEmulator({ port: 0, execMs: 400 });
    try {
      const made = (project = makeProject({ servers: [slow.url] }));
      const first = startCli(["generate", "-c", made.config]);
      while (!existsSync(join(made.runs, "locks/generate.pid"))) await new Promise((resolve) => setTimeout(resolve, 20));
      const { exit, stderr } = await runCli(["generate", "-c", made.config]);
      expect(exit, stderr).toBe(1);
      expect(stderr).toContain(`process ${first.child.pid}`);
      first.child.kill("SIGKILL");
      await first.result;
    } finally {
      await slow.stop();
    }
  });

  it("for a database that is newer than the program", async () => {
    const made = open();
    mkdirSync(made.runs, { recursive: true });
    const db = new Database(join(made.runs, "pipeline.db"));
    db.exec(
      "create table __drizzle_migrations (id integer primary key, hash text, created_at numeric); insert into __drizzle_migrations (hash, created_at) values ('x', 99999999999999)",
    );
    db.close();
    const { exit, stderr } = await runCli(["run", "-c", made.config]);
    expect(exit, stderr).toBe(1);
    expect(stderr).toContain("newer version");
  });

  it("for S3 without credentials", async () => {
    const made = open({ store: { uri: "s3://bucket/prefix", endpoint: "http://127.0.0.1:9" } });
    const { exit, stderr } = await runCli(["run", "-c", made.config], {
      env: { AWS_ACCESS_KEY_ID: "", AWS_SECRET_ACCESS_KEY: "", AWS_PROFILE: "", HOME: made.dir },
    });
    expect(exit, stderr).toBe(1);
    expect(stderr).toMatch(/credentials/i);
    expect(made.started(), "something was written").toBe(false);
  });
});

describe("accepted", () => {
  it("duplicate prompts (once, counted), 20,000 characters, lone surrogates (U+FFFD, counted), the seed 2^64 - 1", async () => {
    const made = open({
      prompts: { file: "prompts.jsonl" },
      candidates: { seeds: [18446744073709551615n, 3], variants: [{ name: "base", set: { width: 64, height: 64 } }] },
      export: { seed_format: "string" },
    });
    writeFileSync(
      join(made.dir, "prompts.jsonl"),
      ['{"prompt":"a cat"}', '{"prompt":"a cat"}', `{"prompt":"${"long ".repeat(4_000)}end"}`, '{"prompt":"half \\ud83d of a pair"}'].join(
        "\n",
      ),
    );
    const { exit, stderr } = await runCli(["run", "-c", made.config]);
    expect(exit, stderr).toBe(0);
    const { stdout } = await runCli(["status", "-c", made.config]);
    expect(stdout).toContain("1 duplicate prompt");
    expect(stdout).toContain("1 replaced surrogate");
    const rows = JSON.stringify(made.rows());
    expect(rows).toContain('"18446744073709551615"');
    expect(rows).toContain("half \uFFFD of a pair");
  });
});
