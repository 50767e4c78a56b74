import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { startEmulator, type Emulator } from "../../src/emulator/emulator.ts";
import { runCli, startCli } from "../helpers/run-cli.ts";
import { makeProject, PROMPTS, type Project } from "./project.ts";

// Where output goes may close or be full: a reader that has seen enough, a full disk, a terminal whose window was closed.

const BIN = join(import.meta.dirname, "../../src/bin.ts");
const CANDIDATES = PROMPTS.length * 3;
const POLL = { timeout: 20_000, interval: 10 };
/** 128 + SIGPIPE: what a shell says of a program that a closed pipe ended. */
const CLOSED_PIPE_EXIT = 141;

let emulator: Emulator;
let project: Project;
beforeAll(async () => {
  emulator = await startEmulator({ execMs: 100 });
});
afterAll(() => emulator.stop());
afterEach(() => project.remove());

const open = (): Project => (project = makeProject({ servers: [emulator.url] }));

/** Runs the CLI under a shell that redirects its output; answers what the CLI itself ended with. */
async function runInShell(args: string, redirect: string): Promise<{ exit: number; stderr: string }> {
  const script = `{ "${process.execPath}" "${BIN}" ${args}; echo "exit $?" >&3; } ${redirect}`;
  const child = spawn("bash", ["-c", script], { stdio: ["ignore", "ignore", "pipe", "pipe"] });
  const output = { stderr: "", exit: "" };
  child.stderr!.setEncoding("utf8").on("data", (text: string) => (output.stderr += text));
  child.stdio[3]!.on("data", (text: Buffer) => (output.exit += text.toString())); // Made by the fourth "pipe" above.
  await once(child, "close");
  return { exit: Number(/exit (\d+)/.exec(output.exit)?.[1]), stderr: output.stderr };
}

describe("a reader that is gone", () => {
  it.each(["status", "check", "--help", "status --json"])("ends %s quietly", async (command) => {
    const made = open();
    await runCli(["generate", "-c", made.config, "--prompts", "1"]);
    const { exit, stderr } = await runInShell(command === "--help" ? command : `${command} -c ${made.config}`, "| true");
    expect(stderr).toBe("");
    expect(exit).toBe(CLOSED_PIPE_EXIT);
  });

  it("stops a run in good order", async () => {
    const made = open();
    const cli = startCli(["run", "-c", made.config, "--json"]);
    await expect.poll(() => made.count("select count(*) from jobs where attempt > 0"), POLL).toBeGreaterThanOrEqual(3);
    cli.child.stdout!.destroy();
    const { exit, stderr } = await cli.result;
    expect(stderr).not.toContain("EPIPE");
    expect([CLOSED_PIPE_EXIT, 0], stderr).toContain(exit); // 0: no line was due after the pipe closed.
    expect(made.count("select count(*) from jobs where state = 'submitted'"), "in flight").toBe(0);
    expect((await runCli(["run", "-c", made.config])).exit).toBe(0);
    expect(made.count("select count(*) from images where state = 'stored'")).toBe(CANDIDATES);
  });
});

describe("a full disk behind stdout", () => {
  it("is an error with exit 1", async () => {
    const made = open();
    await runCli(["generate", "-c", made.config, "--prompts", "1"]);
    const { exit, stderr } = await runInShell(`status -c ${made.config}`, "> /dev/full");
    expect(stderr).toMatch(/^Error: Cannot write to stdout: the disk is full\nTry: .+\n$/);
    expect(exit).toBe(1);
  });
});

describe("messages that nobody can read", () => {
  it.each(["2>/dev/full", "2> >(true)", "2>&-"])("%s: the run goes on", async (redirect) => {
    const made = open();
    const { exit } = await runInShell(`run -c ${made.config}`, redirect);
    expect(exit).toBe(0);
    expect(made.count("select count(*) from images where state = 'stored'")).toBe(CANDIDATES);
  });
});

describe("a terminal that is closed", () => {
  it("stops a run as SIGTERM does, however often it says so", async () => {
    const made = open();
    const cli = startCli(["run", "-c", made.config]);
    await expect.poll(() => made.count("select count(*) from jobs where attempt > 0"), POLL).toBeGreaterThanOrEqual(3);
    cli.child.kill("SIGHUP"); // From the shell …
    await expect.poll(() => cli.output(), POLL).toContain("Stopping");
    cli.child.kill("SIGHUP"); // … and from the kernel.
    const { exit, stderr } = await cli.result;
    expect(exit, stderr).toBe(130);
    expect(made.count("select count(*) from jobs where state = 'submitted'"), "in flight").toBe(0);
    expect(made.count("select count(*) from images where state = 'listed'"), "left on the server").toBe(0);
  });
});
