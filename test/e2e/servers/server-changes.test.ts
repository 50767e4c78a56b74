import { afterEach, describe, expect, it } from "vitest";
import { startEmulator, type Emulator } from "../../../src/emulator/emulator.ts";
import { runCli, startCli, type RunningCli } from "../../helpers/run-cli.ts";
import { makeProject, type Project } from "../project.ts";

// Servers come, go and are drained while a run goes on.

const PROMPTS = Array.from({ length: 30 }, (_, index) => `image number ${index}`);
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

async function open(count: number, execMs = 60): Promise<readonly Emulator[]> {
  for (let index = 0; index < count; index++) emulators.push(await startEmulator({ execMs }));
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
    // Slow enough that one server alone is not through with the jobs while two commands are started beside others at work.
    const [first, second] = await open(2, 250);
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

describe("servers", () => {
  it("lists what each server is, has and did, and says which does not answer", async () => {
    const [first, second] = await open(2);
    project = makeProject({ servers: [first!.url, second!.url], prompts: PROMPTS.slice(0, 4) });
    expect((await runCli(["run", "-c", project.config])).exit).toBe(0);
    await second!.kill();
    const { exit, events, stdout } = await runCli(["servers", "-c", project.config, "--json"]);
    expect(exit).toBe(1);
    const servers = events.filter(({ event }) => event === "server");
    expect(servers[0]).toMatchObject({
      url: first!.url,
      state: "up",
      version: "0.3.64",
      model: "v1-5-pruned-emaonly.safetensors",
      theirs: 0,
      errors: 0,
    });
    expect(servers[1]).toMatchObject({ url: second!.url, state: "does not answer" });
    expect(Number(servers[0]!["done"]) + Number(servers[1]!["done"])).toBe(12);
    expect(stdout).not.toContain("SERVER ");
    const { stdout: table } = await runCli(["servers", "-c", project.config]);
    expect(table).toMatch(/SERVER +STATE +COMFYUI[^]*does not answer/);
  });

  it.each([
    [["servers", "drian", "x"], 2, /did you mean "drain"/],
    [["servers", "drain"], 2, /no server given/],
    [["servers", "drain", "http://127.0.0.1:1"], 2, /the configuration has no such server/],
    [["servers", "interrupt", "URL"], 0, /was told to interrupt/],
    [["servers", "free", "URL"], 0, /was told to unload/],
    [["servers", "clear", "URL"], 0, /was told to drop/],
    [["servers", "drain", "URL"], 1, /does not exist/],
  ])("%j exits %i", async (args, wanted, said) => {
    const [first] = await open(1);
    project = makeProject({ servers: [first!.url] });
    const { exit, stdout, stderr } = await runCli([...args.map((arg) => (arg === "URL" ? first!.url : arg)), "-c", project.config]);
    expect(exit, stderr).toBe(wanted);
    expect(stdout + stderr).toMatch(said);
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
