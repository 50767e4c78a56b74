import { afterEach, describe, expect, it } from "vitest";
import { startEmulator, type Emulator, type EmulatorOptions } from "../../../src/emulator/emulator.ts";
import { startPrefixProxy } from "../../helpers/stand-ins/prefix-proxy.ts";
import { runCli, startCli } from "../../helpers/run-cli.ts";
import { makeProject, type Project } from "../project.ts";

// Servers that ignore a client's prompt_id, or insist on a UUID: nothing runs twice, nothing is lost.

const CANDIDATES = 12;
let emulator: Emulator | undefined;
let project: Project | undefined;
afterEach(async () => {
  await emulator?.stop();
  project?.remove();
});

async function open(options: EmulatorOptions): Promise<Project> {
  emulator = await startEmulator(options);
  return (project = makeProject({ servers: [emulator.url] }));
}

describe.each(["uuid", "own"] as const)("a server with %s prompt_ids", (promptIds) => {
  it.each([
    ["", "in good order"],
    ["submit-reset:0.5", "where answers are lost"],
    ["ws-drop:1:always", "without a WebSocket"],
  ])("runs each candidate once with faults %j, %s", async (faults) => {
    const made = await open({ promptIds, faults, execMs: 30, version: "0.2.0", jobsApi: promptIds === "uuid" });
    const { exit, stderr, events } = await runCli(["run", "--json", "-c", made.config]);
    expect(exit, stderr).toBe(0);
    expect(events.at(-1)).toMatchObject({ planned: CANDIDATES, stored: CANDIDATES, rows: 4 });
    expect(emulator!.stats.executed).toBe(CANDIDATES);
    // The database names the prompts as the server does, and the server has forgotten them.
    const ids = made.column("select prompt_id from image_index") as readonly string[];
    expect(ids.toSorted()).toEqual([...emulator!.executions.keys()].toSorted());
    expect(await (await fetch(`${emulator!.url}/history`)).json()).toEqual({});
  });

  it("is asked for its prompts after a kill -9, and runs none twice", async () => {
    const made = await open({ promptIds, execMs: 150 });
    const killed = startCli(["run", "-c", made.config]);
    while (!made.started() || made.count("select count(*) from jobs where state = 'done'") < 2)
      await new Promise((resolve) => setTimeout(resolve, 20));
    killed.child.kill("SIGKILL");
    await killed.result;
    const { exit, stderr } = await runCli(["run", "-c", made.config]);
    expect(exit, stderr).toBe(0);
    expect(emulator!.stats.executed).toBe(CANDIDATES);
  });
});

describe("a server that gives later prompts the id of its first", () => {
  /** Before an emulator: whichever prompt is answered first keeps its id. */
  async function startRepeating(target: string) {
    let first: string | undefined;
    return startPrefixProxy(target, "/one", {
      rewrite: (answer) => answer.replace(/"prompt_id": "([^"]+)"/, (_, id: string) => `"prompt_id": "${(first ??= id)}"`),
    });
  }

  it("is left out beside another one, which makes what is missing", async () => {
    const other = await startEmulator({ execMs: 30 });
    await using cleanUp = new AsyncDisposableStack();
    cleanUp.defer(() => other.stop());
    const made = await open({ execMs: 30 });
    await using proxy = await startRepeating(emulator!.url);
    made.configure({ servers: [{ url: proxy.url }, { url: other.url }] });
    const { exit, stderr, events } = await runCli(["run", "--json", "-c", made.config]);
    expect(exit, stderr).toBe(0);
    expect(stderr).toMatch(
      new RegExp(`Cannot use ${proxy.url}: it gave the prompt .* which another prompt has\\. Going on without ${proxy.url}`),
    );
    expect(events.at(-1)).toMatchObject({ planned: CANDIDATES, stored: CANDIDATES, rows: 4 });
  });

  it("ends the run with what to look at where it is the only one", async () => {
    const made = await open({ execMs: 30 });
    await using proxy = await startRepeating(emulator!.url);
    made.configure({ servers: [{ url: proxy.url }] });
    const { exit, stderr } = await runCli(["run", "-c", made.config]);
    expect(exit, stderr).toBe(1);
    expect(stderr).toMatch(/Cannot use \S+: it gave the prompt .* which another prompt has\nTry: .*is this a proxy/);
    expect(made.count("select count(*) from jobs where state = 'submitted'"), "is known to be out no more").toBe(0);
  });
});
