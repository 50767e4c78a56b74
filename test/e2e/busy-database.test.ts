import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, expect, it } from "vitest";
import { startEmulator, type Emulator } from "../../src/emulator/emulator.ts";
import { startCli } from "../helpers/run-cli.ts";
import { makeProject, PROMPTS, type Project } from "./project.ts";

/** Longer than a statement of ours waits in silence, ms. Source: BUSY_TIMEOUT_MS in src/db/open.ts. */
const HELD_MS = 12_000;

let emulator: Emulator;
let project: Project;
afterEach(async () => {
  project.remove();
  await emulator.stop();
});

it("a database browser that holds the write lock is waited for: the run says so, and goes on", async () => {
  emulator = await startEmulator({ execMs: 300 });
  // Shorter than the lock is held: the process stands still meanwhile, and is not to give up over it.
  project = makeProject({ servers: [emulator.url], config: { generate: { give_up_s: 8 } } });
  const cli = startCli(["run", "-c", project.config, "--json"]);
  await expect.poll(() => project.count("select count(*) from images"), { timeout: 30_000, interval: 20 }).toBeGreaterThan(0);
  const browser = new Database(join(project.runs, "pipeline.db"), { timeout: 5_000 });
  browser.exec("begin immediate");
  await new Promise((resolve) => setTimeout(resolve, HELD_MS));
  browser.exec("rollback");
  browser.close();
  const { exit, events, stderr } = await cli.result;
  expect(exit, stderr).toBe(0);
  expect(events.at(-1)).toMatchObject({ stored: PROMPTS.length * 3, failed: 0, rejected: 0 });
  expect(stderr).toMatch(/Waiting for the database .*pipeline\.db, for 1\d s now: another program/);
  expect(stderr).toMatch(/is free again, after \d+ s/);
});
