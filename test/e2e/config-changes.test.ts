import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { startEmulator, type Emulator } from "../../src/emulator/emulator.ts";
import { runCli, type CliResult } from "../helpers/run-cli.ts";
import { makeProject, PROMPTS, type Project } from "./project.ts";

// What a person reads after changing the configuration of a dataset that has images already.

const bind = { prompt: "2.text", seed: "class:KSampler#seed", width: "5.width", height: "5.height" };
const base = { name: "base", set: { width: 64, height: 64 } };
const CANDIDATES = PROMPTS.length * 3;
let emulator: Emulator;
let project: Project;
beforeAll(async () => {
  emulator = await startEmulator();
});
afterAll(() => emulator.stop());
afterEach(() => project.remove());

const cli = (...args: readonly string[]): Promise<CliResult> => runCli([...args, "-c", project.config], { env: { TOKEN: "s3cret-token" } });
async function succeed(...args: readonly string[]): Promise<CliResult> {
  const result = await cli(...args);
  expect(result.exit, result.stderr).toBe(0);
  return result;
}
const open = (config: Readonly<Record<string, unknown>> = {}): Project => (project = makeProject({ servers: [emulator.url], config }));
const databaseHash = (): string =>
  createHash("sha256")
    .update(readFileSync(join(project.runs, "pipeline.db")))
    .digest("hex");

describe("a changed configuration", () => {
  it("is shown key by key with its meaning and the arithmetic, once; --dry-run shows the same and changes nothing", async () => {
    const made = open();
    expect((await succeed("generate", "--prompts", "2")).stderr).not.toContain("has changed");
    await succeed("generate");
    const server = { url: emulator.url, headers: { authorization: "Bearer ${TOKEN}" } };
    made.configure({
      candidates: { per_prompt: 2, variants: [base, { name: "wide", set: { width: 128, height: 64 } }] },
      servers: [server],
      generate: { window: 4 },
    });
    writeFileSync(join(made.dir, "prompts.txt"), [...PROMPTS.slice(1), "a new one"].join("\n"));

    const words = [
      "candidates.per_prompt: 3 → 2, sets candidates aside (nothing is deleted)",
      /candidates\.variants\[wide\]: not set → \{.*\}, a new variant: adds candidates/,
      "generate.window: not set → 4, takes effect now",
    ];
    // 3 prompts keep 2 of 3 seeds; the fourth is gone and another is there; the new variant has 2 seeds each.
    const arithmetic = "1 new prompt, 10 new candidates; 6 kept; 6 set aside (nothing is deleted)";
    const before = databaseHash();
    const submitted = emulator.stats.submitted;
    const dry = await succeed("generate", "--dry-run", "--json");
    for (const text of words) expect(dry.stderr).toMatch(text);
    expect((await succeed("generate", "--dry-run")).stdout).toContain(`this dataset: ${arithmetic}`);
    expect(dry.stdout.split("\n").filter((line) => line !== "" && !line.startsWith('{"event":'))).toEqual([]);
    expect(dry.events.at(-1)).toMatchObject({ planned: 16, new: 10, kept: 6, aside: 6 });
    expect(dry.events.filter(({ event }) => event === "config_changed").map(({ key }) => key)).toEqual(
      expect.arrayContaining(["candidates.per_prompt", "generate.window"]),
    );
    expect(databaseHash()).toBe(before);
    expect(emulator.stats.submitted).toBe(submitted);

    const run = await succeed("generate");
    for (const text of words) expect(run.stderr).toMatch(text);
    expect(run.stderr).toContain(`Planned: ${arithmetic}`);
    expect(run.stderr + dry.stderr + dry.stdout).not.toContain("s3cret");
    expect(made.count("select count(*) from jobs")).toBe(CANDIDATES + 10);
    expect((await succeed("generate")).stderr).not.toContain("has changed");
  });

  it("that concerns no candidate is told by each stage, once; what does is left to the next plan and told until then", async () => {
    const made = open();
    await succeed("run");
    made.configure({ harvest: { concurrency: 4 }, candidates: { per_prompt: 4, variants: [base] } });
    const first = await succeed("harvest");
    expect(first.stderr).toContain("harvest.concurrency: not set → 4, takes effect now");
    expect(first.stderr).toContain("candidates.per_prompt: 3 → 4, adds candidates at the next generate or run");
    const second = await succeed("judge");
    expect(second.stderr).not.toContain("harvest.concurrency");
    expect(second.stderr).toContain("candidates.per_prompt");
    expect((await succeed("run")).stderr).toContain("Planned: 0 new prompts, 4 new candidates; 12 kept");
    expect((await succeed("export")).stderr).not.toContain("has changed");
  });

  it("that would mix two datasets is refused by every stage and by --dry-run, and changes nothing", async () => {
    const made = open({
      workflow: { file: "workflow.json", bind: { ...bind, negative: "3.text" } },
      prompts: { file: "p.jsonl", negative: "no" },
    });
    writeFileSync(join(made.dir, "p.jsonl"), '{"prompt":"a cat","no":"blurry"}\n');
    await succeed("run");
    const before = databaseHash();
    const cases = [
      [{ seed: 8 }, /seed: 7 → 8, refused[^]*seed changed from 7 to 8[^]*put seed: 7 back/],
      [
        { store: { uri: "file:other" } },
        /Cannot use file:\S+other for dataset e2e: its 3 images are missing there[^]*put store\.uri: file:\S+ back/,
      ],
      [
        { workflow: { file: "workflow.json", bind: { ...bind, prompt: "3.text", negative: "2.text" } } },
        /workflow\.bind\.prompt: "2\.text" → "3\.text"[^]*variant "base" changed \(bind\.prompt: 2\.text → 3\.text/,
      ],
      [
        { candidates: { per_prompt: 3, variants: [{ name: "base", set: { width: 64, height: 128 } }] } },
        /variant "base" changed \(5\.height: 64 → 128\)[^]*give the changed variant a new name/,
      ],
    ] as const;
    for (const [change, words] of cases) {
      made.configure(change);
      for (const args of [["generate"], ["generate", "--dry-run"], ["link"], ["export"]]) {
        const { exit, stderr } = await cli(...args);
        expect(exit, `${args.join(" ")}: ${stderr}`).toBe(2);
        expect(stderr, args.join(" ")).toMatch(
          args.includes("link") || args.includes("export") ? /would mix two datasets|are missing there/ : words,
        );
      }
    }
    expect(databaseHash()).toBe(before);
    made.configure({});
    expect((await succeed("run")).stderr).not.toContain("has changed");
  });

  it("may correct a variant that has made no image, under its name", async () => {
    const variant = (name: string) => ({
      candidates: { per_prompt: 3, variants: [{ name: "base", set: { width: 64, height: 64, "1.ckpt_name": name } }] },
    });
    const made = open(variant("nope.safetensors"));
    const wrong = await cli("run");
    expect(wrong.exit).toBe(3);
    expect(wrong.stderr).toContain("correct it in the configuration");
    made.configure(variant("v1-5-pruned-emaonly.safetensors"));
    const right = await succeed("run", "--json");
    expect(right.events.at(-1)).toMatchObject({ planned: CANDIDATES, stored: CANDIDATES, failed: 0 });
    made.configure(variant("nope.safetensors"));
    expect((await cli("run")).exit).toBe(2);
  });

  it("--prompts says how many prompts it sets aside, and the next run that they are back", async () => {
    open();
    await succeed("generate");
    expect((await succeed("generate", "--prompts", "1")).stderr).toContain(
      "--prompts 1 sets 3 prompts aside, until the next run without it",
    );
    expect((await succeed("generate")).stderr).toContain("Planned: 0 new prompts, 0 new candidates; 3 kept; 9 back that were set aside");
  });
});
