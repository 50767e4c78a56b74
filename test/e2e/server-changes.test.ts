import { afterEach, describe, expect, it } from "vitest";
import { startEmulator, type Emulator } from "../../src/comfy/emulator.ts";
import { runCli, startCli, type RunningCli } from "../helpers/run-cli.ts";
import { makeProject, type Project } from "./project.ts";

// Servers come, go and are drained while a run goes on.

const PROMPTS = Array.from({ length: 30 }, (_, index) => `picture number ${index}`);
const CANDIDATES = PROMPTS.length * 3;
const POLL = { timeout: 30_000, interval: 20 };

const emulators: Emulator[] = [];
let project: Project;
let cli: RunningCli | undefined;
afterEach(async () => {
  cli?.child.kill("SIGKILL");
  await cli?.result;
  project.remove();
  await Promise.all(emulators.splice(0).map((emulator) => emulator.stop()));
});

async function open(count: number): Promise<readonly Emulator[]> {
  for (let index = 0; index < count; index++) emulators.push(await startEmulator({ execMs: 60 }));
  return emulators;
}
const submittedTo = ({ url }: Emulator): number => project.count(`select count(*) from jobs where server = '${url}'`);
const serversOf = (some: readonly Emulator[]) => ({ servers: some.map(({ url }) => ({ url })) });

describe("while a run goes on", () => {
  it("a server that is added to the configuration is given jobs, and one that is removed is drained", async () => {
    const [first, second] = await open(2);
    project = makeProject({ servers: [first!.url], prompts: PROMPTS });
    cli = startCli(["run", "-c", project.config, "--json"]);
    await expect.poll(() => submittedTo(first!), POLL).toBeGreaterThan(3);
    project.configure(serversOf([first!, second!]));
    await expect.poll(() => submittedTo(second!), POLL).toBeGreaterThan(3);
    project.configure(serversOf([second!]));
    await expect.poll(() => cli!.output(), POLL).toContain("nothing of ours is there any more");
    const sent = first!.stats.submitted;
    const { exit, events, stderr } = await cli.result;
    expect(exit, stderr).toBe(0);
    expect(events.at(-1)).toMatchObject({ stored: CANDIDATES, failed: 0 });
    expect(first!.stats.submitted, "jobs sent after it was removed").toBe(sent);
    expect(project.column("select name from counters where name = 'ambiguous_submissions' and value > 0")).toEqual([]);
  });

  it("a configuration with a mistake changes nothing, and says so", async () => {
    const [first] = await open(1);
    project = makeProject({ servers: [first!.url], prompts: PROMPTS });
    cli = startCli(["run", "-c", project.config]);
    await expect.poll(() => submittedTo(first!), POLL).toBeGreaterThan(3);
    project.configure({ servers: [{ url: "no url" }] });
    await expect.poll(() => cli!.output(), POLL).toContain("the servers stay as they were");
    expect((await cli.result).exit).toBe(0);
  });

  it("`servers drain` in another terminal keeps a server from new jobs until `servers resume`", async () => {
    const [first, second] = await open(2);
    project = makeProject({ servers: [first!.url, second!.url], prompts: PROMPTS });
    cli = startCli(["run", "-c", project.config]);
    await expect.poll(() => submittedTo(second!), POLL).toBeGreaterThan(2);
    expect((await runCli(["servers", "drain", second!.url, "-c", project.config])).exit).toBe(0);
    await expect.poll(() => cli!.output(), POLL).toContain(`${second!.url} is drained`);
    const sent = second!.stats.submitted;
    const before = submittedTo(first!);
    await expect.poll(() => submittedTo(first!), POLL).toBeGreaterThan(before + 5);
    expect(second!.stats.submitted).toBe(sent);
    expect((await runCli(["servers", "resume", second!.url, "-c", project.config])).exit).toBe(0);
    await expect.poll(() => second!.stats.submitted, POLL).toBeGreaterThan(sent);
    expect((await cli.result).exit).toBe(0);
  });
});

describe("a server that people share", () => {
  it("is given no more than the window together with other people's jobs", async () => {
    const [shared] = await open(1);
    project = makeProject({ servers: [shared!.url], prompts: PROMPTS.slice(0, 4) });
    // Somebody else has queued more than the window.
    const { readFileSync } = await import("node:fs");
    const workflow = JSON.parse(readFileSync(`${project.dir}/workflow.json`, "utf8")) as Record<
      string,
      { inputs: Record<string, unknown> }
    >;
    for (let seed = 0; seed < 12; seed++) {
      workflow["4"]!.inputs["seed"] = seed;
      const answer = await fetch(`${shared!.url}/prompt`, { method: "POST", body: JSON.stringify({ prompt: workflow }) });
      expect(answer.status).toBe(200);
    }
    cli = startCli(["run", "-c", project.config]);
    let most = 0;
    await expect
      .poll(async () => {
        const queue = (await (await fetch(`${shared!.url}/queue`)).json()) as Record<string, unknown[]>;
        const waiting = queue["queue_running"]!.length + queue["queue_pending"]!.length;
        if (submittedTo(shared!) > 0) most = Math.max(most, waiting);
        return project.count("select count(*) from jobs where state = 'done'");
      }, POLL)
      .toBe(12);
    expect(most).toBeLessThanOrEqual(3); // The window, and a look that came in between.
    expect((await cli.result).exit).toBe(0);
  });
});
