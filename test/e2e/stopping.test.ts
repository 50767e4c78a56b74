import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { startEmulator, type Emulator } from "../../src/emulator/emulator.ts";
import { runCli, startCli } from "../helpers/run-cli.ts";
import { makeProject, PROMPTS, type Project } from "./project.ts";

// How a run ends before its work is done, and what it says then.

const CANDIDATES = PROMPTS.length * 3;
const SUBMITTED = "select count(*) from jobs where attempt > 0";
const POLL = { timeout: 20_000, interval: 10 };

let project: Project;
let emulator: Emulator | undefined;
afterEach(async () => {
  project.remove();
  await emulator?.stop();
  emulator = undefined;
});

const open = async (execMs: number): Promise<Project> => {
  emulator = await startEmulator({ execMs });
  return (project = makeProject({ servers: [emulator.url] }));
};

describe("Ctrl-C", () => {
  it("once settles what is in flight, says how to go on, and exits 130", async () => {
    const made = await open(150);
    const cli = startCli(["run", "-c", made.config]);
    await expect.poll(() => made.count(SUBMITTED), POLL).toBeGreaterThanOrEqual(3);
    cli.child.kill("SIGINT");
    const { exit, stderr } = await cli.result;
    expect(exit, stderr).toBe(130);
    expect(stderr).toContain("run the same command again to continue");
    expect(made.count("select count(*) from jobs where state = 'submitted'"), "in flight").toBe(0);
    expect(made.count("select count(*) from images where state = 'listed'"), "left on the server").toBe(0);
    const { events } = await runCli(["run", "-c", made.config, "--json"]);
    expect(events.at(-1)).toMatchObject({ exit: 0, stored: CANDIDATES });
    expect(emulator!.stats.executed).toBe(CANDIDATES);
  });

  it("twice stops at once; the same command goes on and makes nothing twice", async () => {
    const made = await open(400);
    const cli = startCli(["run", "-c", made.config]);
    await expect.poll(() => made.count(SUBMITTED), POLL).toBeGreaterThanOrEqual(2);
    cli.child.kill("SIGINT");
    await expect.poll(() => cli.output(), POLL).toContain("Stopping");
    cli.child.kill("SIGINT");
    expect((await cli.result).exit).toBe(130);
    const { exit, stderr } = await runCli(["run", "-c", made.config]);
    expect(exit, stderr).toBe(0);
    expect(emulator!.stats.executed).toBe(CANDIDATES);
  });
});

describe("Ctrl-C of what only shows or serves", () => {
  it.each([[["emulate", "--port", "0"]], [["status", "--watch"]]])("%j is its good end", async (args) => {
    const made = await open(0);
    await runCli(["run", "-c", made.config]);
    const cli = startCli([...args, "-c", made.config]);
    await expect.poll(() => cli.output(), POLL).toMatch(/http:|candidates/);
    cli.child.kill("SIGINT");
    const { exit, stdout, stderr } = await cli.result;
    expect(exit, stderr).toBe(0);
    expect(stdout + stderr).not.toContain("same command");
  });
});

describe("--for", () => {
  it("ends with exit 0, exports what is there, and says what remains", async () => {
    const made = await open(300);
    const { exit, stderr, events } = await runCli(["run", "-c", made.config, "--for", "2.5s", "--json"]);
    expect(exit, stderr).toBe(0);
    const done = events.at(-1) as { pending: number; stored: number };
    expect(done.pending).toBeGreaterThan(0);
    expect(done.stored).toBeGreaterThan(0);
    expect(stderr).toContain(`${done.pending} candidates remain`);
  });
});

describe("--for that ends before there is a pair", () => {
  it("ends with exit 0 and says what remains", async () => {
    const made = await open(1_500);
    const { exit, stderr, events } = await runCli(["run", "-c", made.config, "--for", "1s", "--json"]);
    expect(stderr).toContain("No pairs to export");
    const done = events.at(-1) as { pending: number };
    expect(done.pending).toBeGreaterThan(0);
    expect(stderr).toContain(`${done.pending} candidates remain`);
    expect(done).toMatchObject({ exit: 0, failed: 0, rows: 0 });
    expect(exit, stderr).toBe(0);
  });
});

describe("servers", () => {
  it("that none can be reached end the run after 30 s with exit 1", async () => {
    const made = (project = makeProject({ servers: ["http://127.0.0.1:9"] }));
    const { exit, stderr } = await runCli(["generate", "-c", made.config]);
    expect(exit, stderr).toBe(1);
    expect(stderr).toContain("http://127.0.0.1:9");
    expect(stderr).toContain("Try:");
    expect(made.count(SUBMITTED)).toBe(0);
  });

  it("that refuse the credentials are named, without the secret", async () => {
    const guarded: Server = createServer((_request, response) =>
      response.writeHead(401, { "content-type": "text/plain" }).end("who are you?"),
    );
    await new Promise<void>((resolve) => guarded.listen(0, "127.0.0.1", resolve));
    const { port } = guarded.address() as AddressInfo; // It listens on TCP.
    try {
      const url = `http://127.0.0.1:${port}`;
      const made = (project = makeProject({ servers: [], config: { servers: [{ url, headers: { authorization: "Bearer ${TOKEN}" } }] } }));
      const { exit, stdout } = await runCli(["check", "-c", made.config], { env: { TOKEN: "s3cret-t0ken" } });
      expect(exit).toBe(1);
      expect(stdout).toContain("401");
      expect(stdout).not.toContain("s3cret-t0ken");
    } finally {
      guarded.close();
    }
  });
});
