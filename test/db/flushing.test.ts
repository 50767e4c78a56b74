import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { inBulk, unflushed } from "../../src/db/flushing.ts";
import { openDatabase, type Db } from "../../src/db/open.ts";

let dir: string;
let db: Db;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "flushing-"));
  db = openDatabase(join(dir, "a.db"));
});
afterEach(() => {
  db.close();
  rmSync(dir, { recursive: true, force: true });
});

const level = (): unknown => db.client.pragma("synchronous", { simple: true });
const fail = (): never => {
  throw new Error("no");
};

describe("unflushed()", () => {
  it("waits for no disk, and does again afterwards, whatever happened", () => {
    expect(level()).toBe(2);
    expect(unflushed(db, level)).toBe(1);
    expect(() => unflushed(db, fail)).toThrow("no");
    expect(level()).toBe(2);
  });
});

describe("inBulk()", () => {
  it("changes the database's settings for the time of the work only", async () => {
    const settings = () => ["synchronous", "cache_size", "wal_autocheckpoint"].map((name) => db.client.pragma(name, { simple: true }));
    const before = settings();
    expect(await inBulk(db, () => Promise.resolve(level()))).toBe(1);
    expect(await inBulk(db, () => Promise.resolve(level()), { flushEach: true })).toBe(2);
    await expect(inBulk(db, () => Promise.resolve().then(fail))).rejects.toThrow("no");
    expect(settings()).toEqual(before);
  });
});
