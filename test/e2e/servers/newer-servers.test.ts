import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { startEmulator, type Emulator, type EmulatorOptions } from "../../../src/emulator/emulator.ts";
import { runCli } from "../../helpers/run-cli.ts";
import { makeProject, type Project } from "../project.ts";

let emulators: Emulator[] = [];
let project: Project | undefined;
afterEach(async () => {
  await Promise.all(emulators.map((emulator) => emulator.stop()));
  emulators = [];
  project?.remove();
  project = undefined;
});

/** A project on servers of these kinds, its workflow written by hand. */
async function open(servers: readonly EmulatorOptions[], nodes: object, config: Readonly<Record<string, unknown>> = {}): Promise<Project> {
  emulators = await Promise.all(servers.map((options) => startEmulator(options)));
  const made = makeProject({
    servers: emulators.map(({ url }) => url),
    config: {
      workflow: { file: "workflow.json", bind: { prompt: "none", seed: "2.seed" } },
      candidates: { per_prompt: 2 },
      ...config,
    },
  });
  project = made;
  writeFileSync(join(made.dir, "workflow.json"), JSON.stringify(nodes));
  return made;
}

const image = { class_type: "EmptyImage", inputs: { width: 64, height: 64, batch_size: 1, color: 5 } };
const noise = { class_type: "ImageAddNoise", inputs: { image: ["1", 0], seed: 1, strength: 0.5 } };
const saved = { class_type: "SaveImage", inputs: { images: ["2", 0], filename_prefix: "x" } };
const TINY = { "1": image, "2": noise, "3": saved };
const ADVANCED = {
  "1": image,
  "2": noise,
  "3": { class_type: "ResizeImagesByLongerEdge", inputs: { images: ["2", 0], longer_edge: 32 } },
  "4": {
    class_type: "SaveImageAdvanced",
    inputs: { images: ["3", 0], filename_prefix: "x", format: "png", "format.bit_depth": "8-bit", "format.input_color_space": "sRGB" },
  },
};

describe("a server of 0.33.0", () => {
  it("runs a workflow of its own nodes, and one class that it replaces", async () => {
    const made = await open([{ comfy: "0.33.0" }], ADVANCED);
    const check = await runCli(["check", "-c", made.config]);
    expect(check.stdout, check.stdout).toContain("variant base: runs here");
    const { exit, stderr, events } = await runCli(["run", "-c", made.config, "--json"]);
    expect(exit, stderr).toBe(0);
    expect(events.at(-1)).toMatchObject({ planned: 8, stored: 8, failed: 0, rejected: 0 });
  });

  it("is told apart from an older one, which gets no jobs that it cannot run", async () => {
    const made = await open([{ comfy: "0.33.0", execMs: 20 }, {}], ADVANCED);
    const { exit, stderr, events } = await runCli(["run", "-c", made.config, "--json"]);
    expect(exit, stderr).toBe(0);
    expect(events.at(-1)).toMatchObject({ stored: 8, failed: 0 });
    expect(stderr).toContain("the server does not know the class SaveImageAdvanced");
    expect(emulators[1]?.stats.posted).toBe(0);
  });

  it("says what an option of a choice has, and what it has not", async () => {
    const wrong = structuredClone(ADVANCED);
    wrong["4"].inputs["format.bit_depth"] = "9-bit";
    const made = await open([{ comfy: "0.33.0" }], wrong);
    const { exit, stdout } = await runCli(["check", "-c", made.config]);
    expect(exit).toBe(1);
    expect(stdout).toContain('"format.bit_depth" is "9-bit", which the server does not have (did you mean "8-bit"?)');
  });
});

describe("seeds that the nodes do not take", () => {
  const SEED_MAX = 2 ** 31 - 1;

  it("are refused before anything is planned or sent, with the line that helps", async () => {
    const made = await open([{ seedMax: SEED_MAX }], TINY);
    const check = await runCli(["check", "-c", made.config]);
    expect(check.exit).toBe(1);
    expect(check.stdout).toContain("more than the largest allowed, 2147483647; set candidates.seeds: { max: 2147483647 }");
    const { exit, stderr } = await runCli(["run", "-c", made.config]);
    expect(exit, stderr).toBe(2);
    expect(stderr).toContain("set candidates.seeds: { max: 2147483647 }");
    expect(made.started()).toBe(false);
    expect(emulators[0]?.stats.posted).toBe(0);
  });

  it("are none with candidates.seeds.max", async () => {
    const made = await open([{ seedMax: SEED_MAX }], TINY, { candidates: { per_prompt: 2, seeds: { max: SEED_MAX } } });
    const { exit, stderr, events } = await runCli(["run", "-c", made.config, "--json"]);
    expect(exit, stderr).toBe(0);
    expect(events.at(-1)).toMatchObject({ stored: 8, failed: 0 });
  });

  it("go to the servers that take them", async () => {
    const made = await open([{ seedMax: SEED_MAX }, {}], TINY);
    const { exit, stderr, events } = await runCli(["run", "-c", made.config, "--json"]);
    expect(exit, stderr).toBe(0);
    expect(events.at(-1)).toMatchObject({ stored: 8, failed: 0 });
    expect(stderr).toMatch(/gets no jobs of variant "base": input "seed" of node 2/);
    expect(emulators[0]?.stats.posted).toBe(0);
  });

  it("are found at a late server's first contact, before a job is sent: no group is left half", async () => {
    const made = await open([{ seedMax: SEED_MAX }], TINY, { generate: { give_up_s: 5 } });
    const [late] = emulators;
    await late?.kill();
    const running = runCli(["run", "-c", made.config, "--json"]);
    await expect.poll(() => made.count("select count(*) from jobs"), { timeout: 20_000 }).toBe(8);
    await late?.start();
    const { exit, stderr } = await running;
    expect(exit, stderr).toBe(3);
    expect(stderr).toContain("more than the largest allowed, 2147483647");
    expect(late?.stats.posted).toBe(0);
    expect(made.count("select count(*) from images")).toBe(0);
  });

  it("that come from a column fail their prompt alone", async () => {
    const made = await open([{}], TINY, {
      prompts: { file: "prompts.jsonl", columns: { width: "w" } },
      workflow: { file: "workflow.json", bind: { prompt: "none", seed: "2.seed", width: "1.width" } },
    });
    const rows = [64, 99_999, 64].map((w, index) => JSON.stringify({ prompt: `p ${index}`, w }));
    writeFileSync(join(made.dir, "prompts.jsonl"), rows.join("\n"));
    const { exit, stderr, events } = await runCli(["run", "-c", made.config, "--json"]);
    expect(exit, stderr).toBe(3);
    expect(stderr).toMatch(/whose width is more than the largest allowed, 16384, in input "width" of node 1.*the first: line 2/);
    expect(events.at(-1)).toMatchObject({ planned: 6, stored: 4, failed: 2 });
    expect(emulators[0]?.stats.posted).toBe(4);
  });
});
