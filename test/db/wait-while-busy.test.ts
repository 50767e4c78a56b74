import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { spawn } from "node:child_process";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openDatabase, type Db } from "../../src/db/open.ts";
import { waitWhileBusy } from "../../src/db/wait-while-busy.ts";

// Another program holds the write lock, as a database browser with unsaved changes does.

let dir: string;
let db: Db;
let said: string[];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "comfy-dpo-busy-"));
  said = [];
  db = openDatabase(join(dir, "pipeline.db"), { log: { info: (text) => void said.push(text) }, busyTimeoutMs: 50 });
  said.length = 0;
});
afterEach(() => {
  db.close();
  rmSync(dir, { recursive: true });
});

/** Resolves once another process has the lock, which it holds for so long. */
async function lockedFor(ms: number): Promise<void> {
  const script = `
    const db = new (require(${JSON.stringify(require.resolve("better-sqlite3"))}))(${JSON.stringify(db.file)});
    db.exec("begin immediate");
    process.stdout.write("locked");
    setTimeout(() => { db.exec("rollback"); }, ${ms});`;
  const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
  await new Promise((resolve) => child.stdout.once("data", resolve));
}

describe("a database that another program holds", () => {
  const insert = "insert into counters (name, value) values ('lost_jobs', 1)";

  it("is waited for by a statement, which says so, and for how long", async () => {
    await lockedFor(400);
    db.client.prepare(insert).run();
    expect(db.client.prepare("select count(*) from counters").pluck().get()).toBe(1);
    expect(said[0]).toMatch(/^Waiting for the database .*pipeline\.db, for \d+ s now: another program/);
    expect(said.at(-1)).toMatch(/is free again, after \d+ s$/);
  });

  it("is waited for by a transaction, whose work is done once", async () => {
    await lockedFor(400);
    let calls = 0;
    const work = db.client.transaction((by: number) => {
      calls++;
      db.client.prepare(insert).run();
      return by + 1;
    });
    expect(work.immediate(1)).toBe(2);
    expect(calls).toBe(1);
  });

  it("is waited for by a transaction that begins with a look, too", async () => {
    await lockedFor(400);
    const work = db.client.transaction(() => {
      db.client.prepare("select count(*) from counters").get();
      db.client.prepare(insert).run();
    });
    work();
    expect(db.client.prepare("select count(*) from counters").pluck().get()).toBe(1);
  });

  it("is read without waiting", async () => {
    await lockedFor(400);
    expect(db.client.prepare("select count(*) from counters").pluck().get()).toBe(0);
    expect(said).toEqual([]);
  });

  it("is given up after a while", async () => {
    const other = new Database(db.file, { timeout: 10 });
    waitWhileBusy(other, { file: db.file, log: undefined, maxMs: 60 });
    await lockedFor(1_000);
    expect(() => other.exec(insert)).toThrow("locked");
    other.close();
  });

  it("throws what its statements throw otherwise, at once", () => {
    expect(() => db.client.prepare("select 1 from nowhere")).toThrow("nowhere");
    db.client.prepare(insert).run();
    expect(() => db.client.prepare(insert).run()).toThrow(/UNIQUE/);
    expect(said).toEqual([]);
  });
});
