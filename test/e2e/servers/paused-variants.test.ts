import { afterEach, describe, expect, it } from "vitest";
import { startEmulator, type Emulator } from "../../../src/emulator/emulator.ts";
import { runCli, startCli, type CliResult } from "../../helpers/run-cli.ts";
import { makeProject, type Project } from "../project.ts";

// A variant of which harvest accepts nothing does not cost a night: after its first 20 images it is paused.

const PROMPTS = Array.from({ length: 20 }, (_, index) => `a heron number ${index}`);
const SEEDS = 3;
const CANDIDATES = PROMPTS.length * SEEDS;

let emulator: Emulator;
let project: Project;
afterEach(async () => {
  project.remove();
  await emulator.stop();
});

async function open(faults: string, variants: readonly object[] = [{ name: "base", set: SIZE }]): Promise<Project> {
  emulator = await startEmulator({ execMs: 60, faults });
  project = makeProject({
    servers: [emulator.url],
    prompts: PROMPTS,
    config: { candidates: { per_prompt: SEEDS, variants } },
  });
  return project;
}

const SIZE = { width: 64, height: 64 };
const cli = (...args: readonly string[]): Promise<CliResult> => runCli([...args, "-c", project.config, "--json"]);
const stateOf = (variant: string) => project.column(`select state from variants where variant = '${variant}'`)[0];
const last = ({ events }: CliResult) => events.at(-1);

describe("a variant of which harvest refuses the first 20 images for one reason", () => {
  it("is paused, said once, and left alone by later runs; the others go on, and retry --variant resumes it", async () => {
    await open("", [
      { name: "good", set: SIZE },
      { name: "bad", set: { ...SIZE, "3.text": "FAIL view-webp" } },
    ]);
    const first = await cli("run");
    expect(last(first), first.stderr).toMatchObject({ exit: 3, failed: 0 });
    expect([stateOf("good"), stateOf("bad")]).toEqual(["active", "paused"]);
    expect(first.stderr.match(/The variant "bad" is PAUSED/g)).toHaveLength(1);
    expect(first.stderr).toMatch(/refused its first \d+ images, all as altered: .*named as PNG and holds webp/);
    expect(first.events.filter(({ event }) => event === "variant_paused")).toMatchObject([{ variant: "bad", reason: "altered" }]);
    expect(project.count("select count(*) from images where state = 'stored'")).toBe(CANDIDATES);
    const rejected = project.count("select count(*) from images where state = 'rejected'");
    expect(rejected).toBeGreaterThanOrEqual(20);
    expect(rejected, "it was stopped").toBeLessThan(CANDIDATES);

    const { submitted } = emulator.stats;
    const second = await cli("run");
    expect(last(second), second.stderr).toMatchObject({ exit: 3 });
    expect(emulator.stats.submitted, "nothing of it is made again").toBe(submitted);
    const status = await runCli(["status", "-c", project.config]);
    expect(status.stdout).toMatch(/bad is paused: altered: .*WebP|bad is paused: altered/i);

    const retried = await cli("retry", "--variant", "bad");
    expect(last(retried), retried.stderr).toMatchObject({ exit: 0, retried: rejected });
    expect(stateOf("bad")).toBe("active");
    const third = await cli("run");
    expect(last(third), third.stderr).toMatchObject({ exit: 3 });
    expect(stateOf("bad"), "it counted anew").toBe("paused");
    expect((await cli("retry", "--variant", "bda")).stderr).toContain('did you mean "bad"');
  });

  it("is paused by a harvest beside the generate of another process, and made whole once it is mended", async () => {
    await open("view-animated:1:always");
    const generate = startCli(["generate", "-c", project.config, "--json"]);
    const harvest = startCli(["harvest", "--follow", "-c", project.config, "--json"]);
    const [made, harvested] = await Promise.all([generate.result, harvest.result]);
    expect(made.exit, made.stderr).toBe(3);
    expect(harvested.exit, harvested.stderr).toBe(3);
    expect(harvested.stderr).toMatch(/"base" is PAUSED.*all as animated/s);
    expect(stateOf("base")).toBe("paused");
    expect(emulator.stats.executed, "it was stopped").toBeLessThan(CANDIDATES);
    emulator.setFaults("");
    expect((await cli("retry", "--variant", "base")).exit).toBe(0);
    const result = await cli("run");
    expect(last(result), result.stderr).toMatchObject({ exit: 0, stored: CANDIDATES, rejected: 0, pending: 0 });
  });
});
