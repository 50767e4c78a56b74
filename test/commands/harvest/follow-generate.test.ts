import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { followGenerate, GENERATE_GRACE_MS } from "../../../src/commands/harvest/follow-generate.ts";
import type { Context } from "../../../src/context.ts";
import { openDatabase } from "../../../src/db/open.ts";
import { acquireProcessLock } from "../../../src/db/process-lock.ts";

let dir = "";
beforeEach(() => (dir = mkdtempSync(join(tmpdir(), "comfy-dpo-follow-"))));
afterEach(() => rmSync(dir, { recursive: true }));

it("waits for a generate to come, says so once, and ends with it", () => {
  using db = Object.assign(openDatabase(":memory:"), { [Symbol.dispose]: () => db.close() });
  let nowMs = 1_000;
  const said: string[] = [];
  const context = {
    config: { dir },
    db,
    clock: { nowMs: () => nowMs, sleep: () => Promise.resolve() },
    log: { info: (message: string) => void said.push(message) },
  } as unknown as Context; // What following looks at.
  const open = () => followGenerate(context, { sinceMs: 1_000 });

  const alone = open();
  expect([alone.moreToCome(), alone.moreToCome()]).toEqual([true, true]);
  expect(said).toEqual([expect.stringContaining("Waiting up to 60 s for generate")]);
  nowMs += GENERATE_GRACE_MS;
  expect(alone.moreToCome()).toBe(false);

  nowMs = 1_000;
  const followed = open();
  const lock = acquireProcessLock(dir, "generate");
  expect(followed.moreToCome()).toBe(true);
  lock.release();
  expect(followed.moreToCome()).toBe(false);
});
