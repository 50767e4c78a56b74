import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, test, vi } from "vitest";
import { earliest, openCommits, writeBehind, writeInTime } from "../../src/db/commits.ts";
import { type Db, openDatabase } from "../../src/db/open.ts";

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

describe("queued()", () => {
  it("commits once for all that comes in one turn, and not before", async () => {
    const other = openDatabase(join(dir, "a.db"));
    const { queued } = openCommits(db);
    const versionOf = (): unknown => other.client.pragma("data_version", { simple: true });
    const before = versionOf();
    const results = ["a", "b", "c"].map((name) => queued(() => keep(name)));
    expect(kept()).toEqual([]);
    expect(await Promise.all(results)).toEqual(["a", "b", "c"]);
    const after = versionOf();
    expect(after).not.toBe(before);
    expect(other.client.prepare("select count(*) from kept").pluck().get()).toBe(3);
    expect(await queued(() => keep("d"))).toBe("d");
    other.close();
  });

  it("takes back what throws, and nothing else", async () => {
    const { queued } = openCommits(db);
    const failing = queued(() => {
      keep("half");
      throw new Error("no");
    });
    const [, refused, taken] = await Promise.allSettled([failing, queued(() => keep("a")), queued(() => keep("b"))]);
    await expect(failing).rejects.toThrow("no");
    expect([refused, taken].map(({ status }) => status)).toEqual(["fulfilled", "fulfilled"]);
    expect(kept()).toEqual(["a", "b"]);
  });

  it("does nothing that was to follow work that throws", async () => {
    const commits = openCommits(db);
    const done: string[] = [];
    const failing = commits.queued(() => {
      commits.afterCommit(() => done.push("sent"));
      throw new Error("no");
    });
    await commits.queued(() => keep("a"));
    await expect(failing).rejects.toThrow("no");
    expect(done).toEqual([]);
  });

  it("confirms nothing where the disk is full, and goes on once it is not", async () => {
    const { queued } = openCommits(db);
    const pages = db.client.pragma("page_count", { simple: true });
    db.client.pragma(`max_page_count = ${String(pages)}`);
    const all = await Promise.allSettled(["a", "b"].map((name) => queued(() => keep(name, "x".repeat(100_000)))));
    expect(all.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(kept()).toEqual([]);
    db.client.pragma("max_page_count = 100000");
    expect(await queued(() => keep("a"))).toBe("a");
    expect(kept()).toEqual(["a"]);
  });

  it("takes more than fits into one commit, in order", async () => {
    const { queued } = openCommits(db);
    const names = Array.from({ length: 450 }, (_, index) => String(index).padStart(3, "0"));
    expect(await Promise.all(names.map((name) => queued(() => keep(name))))).toEqual(names);
    expect(kept()).toEqual(names);
  });
});

describe("together()", () => {
  it("does what must not be done before the commit after it, also what an inner call asked for", () => {
    const commits = openCommits(db);
    const seen: boolean[] = [];
    commits.together(() => {
      keep("a");
      commits.together(() => {
        keep("b");
        commits.afterCommit(() => seen.push(db.client.inTransaction));
      });
      expect(seen).toEqual([]);
    });
    expect(seen).toEqual([false]);
    expect(kept()).toEqual(["a", "b"]);
  });

  it("forgets what was to follow where the work is rolled back", () => {
    const commits = openCommits(db);
    const done: string[] = [];
    expect(() =>
      commits.together(() => {
        keep("a");
        commits.afterCommit(() => done.push("sent"));
        throw new Error("disk full");
      }),
    ).toThrow("disk full");
    commits.together(() => keep("b"));
    expect(done).toEqual([]);
    expect(kept()).toEqual(["b"]);
  });
});

function openBatches() {
  const batches: number[][] = [];
  let nowMs = 0;
  const clock = { nowMs: () => nowMs, sleep: () => Promise.resolve() };
  const behind = writeBehind<number>(clock, (entries) => void batches.push([...entries]));
  return { batches, behind, pass: (ms: number) => void (nowMs += ms) };
}

describe("writeBehind()", () => {
  it("writes when the oldest has waited long enough", () => {
    const { batches, behind, pass } = openBatches();
    expect(behind.dueMs()).toBeNull();
    behind.add(1);
    pass(150);
    behind.add(2);
    expect(behind.dueMs()).toBe(50);
    behind.flushIfDue();
    expect(batches).toEqual([]);
    pass(50);
    behind.flushIfDue();
    expect([batches, behind.dueMs()]).toEqual([[[1, 2]], null]);
  });

  it("writes when there are many, and once each", () => {
    const { batches, behind } = openBatches();
    for (let entry = 0; entry < 64; entry++) behind.add(entry);
    behind.flushIfDue();
    behind.flush();
    expect(batches.map(({ length }) => length)).toEqual([64]);
  });
});

describe("earliest()", () => {
  it("is the smaller delay, null being none", () => {
    expect([earliest(1, 2), earliest(null, 2), earliest(1, null), earliest(null, null)]).toEqual([1, 2, 1, null]);
  });
});

describe("commitSoon()", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  function open(write: (entries: readonly number[]) => void) {
    const results = writeBehind<number>({ nowMs: () => Date.now(), sleep: () => Promise.resolve() }, write);
    const onFailure = vi.fn<() => void>();
    const commits = writeInTime(results, onFailure);
    return { commits, onFailure, add: (entry: number) => (results.add(entry), commits.arm()) };
  }

  test("writes together what came within its time, also where nothing else happens", () => {
    const written: (readonly number[])[] = [];
    const { add, commits } = open((entries) => void written.push(entries));
    add(1);
    vi.advanceTimersByTime(50);
    add(2);
    expect(written).toEqual([]);
    vi.advanceTimersByTime(1_000);
    expect(written).toEqual([[1, 2]]);
    add(3);
    commits.end();
    expect(written).toEqual([[1, 2], [3]]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("a failure is told once, nothing is written after it, and the end throws it", () => {
    const full = new Error("disk full");
    const write = vi.fn<() => void>(() => {
      throw full;
    });
    const { add, commits, onFailure } = open(write);
    add(1);
    vi.advanceTimersByTime(1_000);
    expect(onFailure).toHaveBeenCalledOnce();
    add(2);
    vi.advanceTimersByTime(1_000);
    expect(commits.writeDue()).toBe(false);
    expect(() => commits.end()).toThrow(full);
    expect(write).toHaveBeenCalledOnce();
  });
});
