import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { commitTogether } from "../../src/db/commit-together.ts";
import { type Db, openDatabase } from "../../src/db/open.ts";
import { unflushed } from "../../src/db/unflushed.ts";

let dir: string;
let db: Db;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "commit-"));
  db = openDatabase(join(dir, "a.db"));
  db.client.exec("create table kept (name text primary key, more text) strict");
});
afterEach(() => {
  db.close();
  rmSync(dir, { recursive: true, force: true });
});

const keep = (name: string, more = ""): string => {
  db.client.prepare("insert into kept values (?, ?)").run(name, more);
  return name;
};
const kept = (): unknown => db.client.prepare("select name from kept order by name").pluck().all();

describe("commitTogether()", () => {
  it("commits once for all that comes in one turn, and not before", async () => {
    const other = openDatabase(join(dir, "a.db"));
    const commits = commitTogether(db);
    const versionOf = (): unknown => other.client.pragma("data_version", { simple: true });
    const before = versionOf();
    const results = ["a", "b", "c"].map((name) => commits(() => keep(name)));
    expect(kept()).toEqual([]);
    expect(await Promise.all(results)).toEqual(["a", "b", "c"]);
    const after = versionOf();
    expect(after).not.toBe(before);
    expect(other.client.prepare("select count(*) from kept").pluck().get()).toBe(3);
    expect(await commits(() => keep("d"))).toBe("d");
    other.close();
  });

  it("takes back what throws, and nothing else", async () => {
    const commits = commitTogether(db);
    const failing = commits(() => {
      keep("half");
      throw new Error("no");
    });
    const [, refused, taken] = await Promise.allSettled([failing, commits(() => keep("a")), commits(() => keep("b"))]);
    await expect(failing).rejects.toThrow("no");
    expect([refused, taken].map(({ status }) => status)).toEqual(["fulfilled", "fulfilled"]);
    expect(kept()).toEqual(["a", "b"]);
  });

  it("confirms nothing where the disk is full, and goes on once it is not", async () => {
    const commits = commitTogether(db);
    const pages = db.client.pragma("page_count", { simple: true });
    db.client.pragma(`max_page_count = ${String(pages)}`);
    const all = await Promise.allSettled(["a", "b"].map((name) => commits(() => keep(name, "x".repeat(100_000)))));
    expect(all.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(kept()).toEqual([]);
    db.client.pragma("max_page_count = 100000");
    expect(await commits(() => keep("a"))).toBe("a");
    expect(kept()).toEqual(["a"]);
  });

  it("takes more than fits into one commit, in order", async () => {
    const commits = commitTogether(db);
    const names = Array.from({ length: 450 }, (_, index) => String(index).padStart(3, "0"));
    expect(await Promise.all(names.map((name) => commits(() => keep(name))))).toEqual(names);
    expect(kept()).toEqual(names);
  });
});

describe("unflushed()", () => {
  it("waits for no disk, and does again afterwards, whatever happened", () => {
    const level = (): unknown => db.client.pragma("synchronous", { simple: true });
    expect(level()).toBe(2);
    expect(unflushed(db, level)).toBe(1);
    expect(() =>
      unflushed(db, () => {
        throw new Error("no");
      }),
    ).toThrow("no");
    expect(level()).toBe(2);
  });
});
