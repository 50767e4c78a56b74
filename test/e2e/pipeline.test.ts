import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { startEmulators, type Emulator } from "../../src/emulator/emulator.ts";
import { runCli, startCli } from "../helpers/run-cli.ts";
import { PROMPTS, makeProject, type Project, type ProjectOptions } from "./project.ts";

// The whole program as a user runs it: processes, two emulated servers, a folder as store.

const POLL = { timeout: 20_000, interval: 10 };
const SUBMITTED = "select count(*) from jobs where attempt > 0";

let servers: readonly Emulator[] = [];
const projects: Project[] = [];
const project = (options: Partial<ProjectOptions> = {}): Project => {
  const made = makeProject({ servers: servers.map((server) => server.url), ...options });
  projects.push(made);
  return made;
};

beforeAll(async () => {
  servers = await startEmulators(2, { port: 0, execMs: 5 });
});
afterAll(() => Promise.all(servers.map((server) => server.stop())));
afterEach(() => {
  for (const made of projects.splice(0)) made.remove();
});

/** What an undisturbed run exports. */
async function undisturbed(): Promise<Readonly<Record<string, string>>> {
  const made = project();
  const { exit, stderr } = await runCli(["run", "-c", made.config]);
  expect(exit, stderr).toBe(0);
  return made.exported();
}

describe("run", () => {
  it("makes a dataset from prompts and servers, and says the same again when nothing is new", async () => {
    const made = project();
    const first = await runCli(["run", "-c", made.config, "--json"]);
    expect(first.exit, first.stderr).toBe(0);
    const candidates = PROMPTS.length * 3;
    expect(first.events.at(-1)).toMatchObject({
      event: "done",
      exit: 0,
      planned: candidates,
      pending: 0,
      stored: candidates,
      failed: 0,
      images: candidates,
    });
    const rows = made.rows();
    expect(rows.length).toBeGreaterThan(0);
    for (const row of rows) expect(PROMPTS).toContain(row["prompt"]);

    const again = await runCli(["run", "-c", made.config]);
    expect(again.exit, again.stderr).toBe(0);
    expect(again.stderr).toContain("Nothing new since v1");
  });

  it("ends in the same bytes after kill -9 at any moment, however often", async () => {
    const wanted = await undisturbed();
    const slow = await startEmulators(2, { port: 0, execMs: 100 });
    const made = project({ servers: slow.map((server) => server.url) });
    const moments: readonly (readonly [query: string, count: number])[] = [
      ["select count(*) from dataset", 1],
      ["select count(*) from jobs", 6],
      ["select count(*) from jobs where attempt > 0", 2],
      ["select count(*) from images", 4],
      ["select count(*) from images where state = 'stored'", 6],
      ["select count(*) from inspections", 8],
      ["select count(*) from scores", 9],
    ];
    for (const [query, count] of moments) {
      const cli = startCli(["run", "-c", made.config]);
      await expect.poll(() => made.count(query), POLL).toBeGreaterThanOrEqual(count);
      cli.child.kill("SIGKILL");
      await cli.result;
    }
    const { exit, stderr } = await runCli(["run", "-c", made.config]);
    expect(exit, stderr).toBe(0);
    expect(made.exported()).toEqual(wanted);
    expect(
      slow.reduce((sum, server) => sum + server.stats.executed, 0),
      "images made once",
    ).toBe(PROMPTS.length * 3);
    await Promise.all(slow.map((server) => server.stop()));
  });

  it("plans only the first prompts when asked, and goes on with the rest later", async () => {
    const made = project();
    const canary = await runCli(["run", "-c", made.config, "--prompts", "2", "--json"]);
    expect(canary.events.at(-1)).toMatchObject({ planned: 6, stored: 6 });
    const whole = await runCli(["run", "-c", made.config, "--json"]);
    expect(whole.events.at(-1)).toMatchObject({ planned: 12, stored: 12 });
  });
});

describe("generate, harvest, annotate, export", () => {
  it("each alone and in order give the same bytes as run", async () => {
    const wanted = await undisturbed();
    const made = project();
    for (const stage of ["generate", "harvest", "annotate", "export"]) {
      const { exit, stderr } = await runCli([stage, "-c", made.config]);
      expect(exit, `${stage}: ${stderr}`).toBe(0);
    }
    expect(made.exported()).toEqual(wanted);
  });

  it("generate beside harvest in two processes give the same bytes, too", async () => {
    const wanted = await undisturbed();
    const made = project();
    // Before there is anything to follow: it waits for generate.
    const harvest = startCli(["harvest", "--follow", "-c", made.config]);
    await expect.poll(() => harvest.output(), POLL).toContain("Waiting up to 60 s for generate");
    const generate = startCli(["generate", "-c", made.config]);
    for (const { result } of [generate, harvest]) expect((await result).exit, (await result).stderr).toBe(0);
    for (const stage of ["annotate", "export"]) expect((await runCli([stage, "-c", made.config])).exit).toBe(0);
    expect(made.exported()).toEqual(wanted);
  });

  it("asks a server for the jobs it was given before a kill, and makes none twice", async () => {
    const slow = await startEmulators(1, { port: 0, execMs: 150 });
    try {
      const made = project({ servers: slow.map((server) => server.url) });
      const cli = startCli(["generate", "-c", made.config]);
      await expect.poll(() => made.count(SUBMITTED), POLL).toBeGreaterThanOrEqual(3);
      cli.child.kill("SIGKILL");
      await cli.result;
      const { exit, stderr } = await runCli(["generate", "-c", made.config]);
      expect(exit, stderr).toBe(0);
      expect(slow[0]!.stats.executed).toBe(PROMPTS.length * 3);
    } finally {
      await Promise.all(slow.map((server) => server.stop()));
    }
  });

  it("plans jobs again that a server lost in a restart", async () => {
    const slow = await startEmulators(1, { port: 0, execMs: 100 });
    try {
      const made = project({ servers: slow.map((server) => server.url) });
      const cli = startCli(["generate", "-c", made.config]);
      await expect.poll(() => made.count(SUBMITTED), POLL).toBeGreaterThanOrEqual(4);
      await slow[0]!.restart();
      const { exit, stderr } = await cli.result;
      expect(exit, stderr).toBe(0);
      expect((await runCli(["status", "-c", made.config])).stdout).toContain("12 planned");
    } finally {
      await Promise.all(slow.map((server) => server.stop()));
    }
  });
});
