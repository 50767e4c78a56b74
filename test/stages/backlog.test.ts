import { describe, expect, it } from "vitest";
import { FatalError, TransientError } from "../../src/errors.ts";
import { openBacklog } from "../../src/stages/backlog.ts";

/** A backlog over rows 1…n with a clock that moves when told. */
function backlogOf(rows: number) {
  const done = new Set<number>();
  let nowMs = 0;
  const backlog = openBacklog<number>({
    task: "test",
    clock: { nowMs: () => nowMs, sleep: () => Promise.resolve() },
    keyOf: String,
    readPage(afterRow) {
      const items = Array.from({ length: rows }, (_, index) => index + 1).filter((row) => row > afterRow && !done.has(row));
      return { items, lastRow: afterRow < rows ? rows : null, firstOpenRow: items[0] ?? null };
    },
  });
  return { backlog, done, pass: (ms: number) => void (nowMs += ms) };
}

const slow = new TransientError("slow down");

describe("openBacklog()", () => {
  it("hands out each item once", () => {
    const { backlog } = backlogOf(3);
    expect([backlog.claim(2), backlog.claim(2), backlog.claim(2)]).toEqual([[1, 2], [3], []]);
    expect(backlog.claim(0)).toEqual([]);
  });

  it("waits after a failure, then tries the item first", () => {
    const { backlog, pass } = backlogOf(3);
    backlog.claim(1);
    expect(backlog.failed(1, new TransientError("slow down", { retryAfterMs: 2_000 }))).toBe(false);
    expect(backlog.claim(1)).toEqual([]);
    expect(backlog.nextDueMs()).toBe(2_000);
    pass(2_000);
    expect(backlog.claim(2)).toEqual([1, 2]);
  });

  it("leaves an item that failed five times for the next run", () => {
    const { backlog, pass, done } = backlogOf(2);
    expect(backlog.claim(2)).toEqual([1, 2]);
    done.add(2);
    backlog.settled(2);
    for (let failures = 1; failures <= 4; failures++) {
      expect(backlog.failed(1, slow)).toBe(false);
      pass(30_000);
      expect(backlog.claim(1)).toEqual([1]);
    }
    expect(backlog.failed(1, slow)).toBe(true);
    pass(30_000);
    expect(backlog.claim(1)).toEqual([]);
    expect(backlog.nextDueMs()).toBeNull();
  });

  it("gives up where nothing works for five minutes, but not while something does", () => {
    const { backlog, pass } = backlogOf(9);
    backlog.claim(9);
    backlog.failed(1, slow);
    pass(299_000);
    backlog.settled(2);
    pass(2_000);
    backlog.failed(3, slow);
    pass(301_000);
    expect(() => backlog.failed(4, slow)).toThrow(FatalError);
  });

  it("passes on what is no passing trouble", () => {
    const bug = new TypeError("bug");
    expect(() => backlogOf(1).backlog.failed(1, bug)).toThrow(bug);
  });
});
