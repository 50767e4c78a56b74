import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CommandDeclaration } from "../../src/commands/command.ts";
import { COMMANDS } from "../../src/commands/registry.ts";
import { startEmulator, type Emulator } from "../../src/emulator/emulator.ts";
import { runCli, startCli, type CliResult } from "../helpers/run-cli.ts";
import { makeProject, PROMPTS, type Project } from "./project.ts";

// With --json stdout is a file of events: whatever the command, whatever its end.

const COUNTS = ["planned", "pending", "stored", "rejected", "failed", "images", "rows", "drops"];
let emulator: Emulator;
let project: Project;
beforeAll(async () => {
  emulator = await startEmulator();
  project = makeProject({ servers: [emulator.url] });
});
afterAll(async () => {
  project.remove();
  await emulator.stop();
});

interface Event {
  readonly event: string;
  readonly [key: string]: unknown;
}

/** Every line of stdout; what is no event is an error. */
function eventsOf({ stdout }: Pick<CliResult, "stdout">): readonly Event[] {
  const lines = stdout.split("\n");
  expect(lines.pop(), "the last line ends").toBe("");
  return lines.map((line) => {
    const event = JSON.parse(line) as Event;
    expect(event.event, line).toEqual(expect.any(String));
    return event;
  });
}

async function json(...args: readonly string[]): Promise<readonly Event[]> {
  const result = await runCli([...args, "--json", "-c", project.config], { cwd: project.dir });
  const events = eventsOf(result);
  expect(events.at(-1), result.stderr).toMatchObject({ event: "done", exit: result.exit });
  expect(events.filter(({ event }) => event === "done")).toHaveLength(1);
  return events;
}

const named = (events: readonly Event[], name: string): readonly Event[] => events.filter(({ event }) => event === name);

describe("--json", () => {
  it("of commands that need no dataset", async () => {
    const check = await json("check");
    expect(named(check, "finding").map(({ what }) => what)).toContain(emulator.url);
    const dry = await json("generate", "--dry-run");
    expect(named(dry, "arithmetic")).toMatchObject([{ prompts: PROMPTS.length, seeds: 3, variants: 1, candidates: PROMPTS.length * 3 }]);
    expect(named(dry, "plan")[0]).toMatchObject({ prompt: PROMPTS[0], seed: expect.any(Number) });
    const out = join(project.dir, "made.yaml");
    const { stdout } = await runCli(["init", join(project.dir, "workflow.json"), "--json", "--out", out]);
    expect(eventsOf({ stdout })).toMatchObject([
      { event: "config", file: out, workflow_written: false },
      { event: "done", exit: 0 },
    ]);
    expect(named(await json("status"), "error")[0]).toMatchObject({ hint: expect.stringContaining("pnpm pipeline run -c") });
  });

  it("of the stages, and of all that looks at what they made", async () => {
    for (const stage of [["generate"], ["harvest"], ["judge"], ["link"], ["annotate"], ["export"], ["run"]]) {
      const done = (await json(...stage)).at(-1);
      expect(Object.keys(done ?? {}), stage[0]).toEqual(expect.arrayContaining(COUNTS));
    }
    const [status, done] = await json("status");
    expect(status).toMatchObject({ event: "status", exports: [{ version: "v1", state: "complete", rows: 4 }] });
    expect(done).toMatchObject({ rows: 4, drops: {} });
    expect(named(await json("report"), "report")).toHaveLength(1);
    expect(named(await json("servers"), "servers")).toMatchObject([{ servers: 1, answering: 1 }]);
    expect(named(await json("verify"), "verified")).toMatchObject([{ problems: 0, version: { rows: 4 } }]);
    expect(named(await json("export", "diff", "v1", "v1"), "diff")).toMatchObject([{ same: 4, came: 0, went: 0, changed: 0 }]);
    const pushed = await runCli(["push", "--repo", "me/set", "-c", project.config, "--json"], { env: { HF_TOKEN: "" } });
    expect(eventsOf(pushed).at(-1)).toMatchObject({ event: "done", exit: 1 });
    expect(named(await json("retry"), "retried")).toMatchObject([{ jobs: 0, images: 0, fetched_again: 0 }]);
    expect(named(await json("servers"), "server")).toMatchObject([{ url: emulator.url }]);
    expect(named(await json("prune"), "prunable")).toMatchObject([{ images: 0, bytes: 0, versions: 1 }]);
    expect((await json("exclude", "list")).at(-1)).toMatchObject({ event: "done", exit: 0 });
    expect((await json("exclude")).at(-1)).toEqual({ event: "done", exit: 2 });
    expect(named(await json("lifecycle"), "lifecycle")).toMatchObject([{ supported: false, rules: [] }]);
  });

  it("of annotate import", async () => {
    const [row] = project.rows() as readonly { chosen: { image_id: string }; rejected: readonly { image_id: string }[] }[];
    const images = [row!.chosen.image_id, row!.rejected[0]!.image_id];
    const votes = join(project.dir, "votes.jsonl");
    writeFileSync(votes, `${JSON.stringify({ vote_id: "1", annotator: "ann", images, choice: 0 })}\n{"vote_id":"2"}\n`);
    const refused = await json("annotate", "import", votes);
    expect(named(refused, "vote_problem")).toMatchObject([{ line: 2, reason: "bad-shape" }]);
    expect(named(refused, "votes")).toMatchObject([{ imported: 0, refused: { "bad-shape": 1 } }]);
    expect(refused.at(-1)).toMatchObject({ exit: 2 });
    expect((await json("annotate", "import", votes, "--skip-bad")).at(-1)).toMatchObject({ exit: 3, imported: 1, bad: 1 });
  });

  it("of demo and emulate", async () => {
    const demo = eventsOf(await runCli(["demo", "--json"], { cwd: project.dir }));
    expect(named(demo, "demo")).toMatchObject([{ first_row: { id: expect.stringMatching(/^d_/) } }]);
    const emulate = startCli(["emulate", "--port", "0", "--json"]);
    await expect.poll(() => emulate.output(), { timeout: 20_000 }).toContain('"event":"emulator"');
    emulate.child.kill("SIGINT");
    expect(eventsOf(await emulate.result)).toMatchObject([{ event: "emulator" }, { event: "done", exit: 0 }]);
  });

  it.each([["no-such-command"], ["run", "--no-such-option"], ["link", "too", "many"], ["run", "--log-level", "loud"]])(
    "of usage errors: %s %s",
    async (...args) => {
      const { exit, stdout, stderr } = await runCli([...args, "--json"]);
      expect(exit, stderr).toBe(2);
      expect(eventsOf({ stdout })).toEqual([{ event: "done", exit: 2 }]);
    },
  );

  it("of what comes later, and of each command that there is", async () => {
    const isLater = (declaration: CommandDeclaration): boolean => declaration.later === true;
    const commands = Object.entries(COMMANDS);
    for (const [name] of commands.filter(([, each]) => isLater(each))) expect((await json(name)).at(-1)).toMatchObject({ exit: 2 });
    const tested = readFileSync(import.meta.filename, "utf8");
    for (const [name] of commands.filter(([, each]) => !isLater(each))) expect(tested, name).toContain(`"${name}"`);
  });
});
