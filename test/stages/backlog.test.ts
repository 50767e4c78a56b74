import { describe, expect, it } from "vitest";
import { FatalError, TransientError } from "../../src/errors.ts";
import { openBacklog } from "../../src/stages/backlog.ts";

/** A backlog over rows 1…n with a clock that moves when told. */
function backlogOf(rows: number | (() => number), options: { readonly isPatient?: () => boolean } = {}) {
  const done = new Set<number>();
  let nowMs = 0;
  const backlog = openBacklog<number>({
    task: "test",
    ...options,
    clock: { nowMs: () => nowMs, sleep: () => Promise.resolve() },
    keyOf: String,
    readPage(afterRow) {
      const last = typeof rows === "number" ? rows : rows();
      const items = Array.from({ length: last }, (_, index) => index + 1).filter((row) => row > afterRow && !done.has(row));
      return { items, lastRow: afterRow < last ? last : null, firstOpenRow: items[0] ?? null };
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

  it("does not count the time in which there was nothing to try", async () => {
    let rows = 1;
    const { backlog, pass } = backlogOf(() => rows);
    for (let failures = 1; failures <= 5; failures++) {
      expect(backlog.claim(1)).toEqual([1]);
      backlog.failed(1, slow);
      pass(30_000);
    }
    expect(backlog.claim(1)).toEqual([]);
    pass(3_600_000);
    rows = 2;
    const upstream = backlog.follow({ moreToCome: () => true, waitForWork: () => Promise.resolve() });
    await upstream.waitForWork(new AbortController().signal);
    expect(backlog.claim(1)).toEqual([2]);
    expect(backlog.failed(2, slow)).toBe(false);
  });

  it("gives up after five minutes also where one item after the other is left", () => {
    const { backlog, pass } = backlogOf(1_000);
    const failOn = (): void => {
      for (let minutes = 0; minutes < 60; minutes++) {
        const [item] = backlog.claim(1);
        if (item !== undefined) backlog.failed(item, slow);
        pass(30_000);
      }
    };
    expect(failOn).toThrow("nothing worked for 5 minutes");
  });

  it("puts back what failed only because nothing worked, once something works", async () => {
    const { backlog, pass, done } = backlogOf(2);
    backlog.claim(2);
    for (let failures = 1; failures <= 4; failures++) {
      backlog.failed(1, slow);
      pass(30_000);
      backlog.claim(1);
    }
    expect(backlog.failed(1, slow)).toBe(true);
    expect(backlog.leftOver()).toBe(1);
    pass(30_000);
    expect(backlog.claim(1)).toEqual([]);
    done.add(2);
    backlog.settled(2);
    expect(backlog.leftOver()).toBe(0);
    expect(backlog.nextDueMs()).not.toBeNull();
    pass(30_000);
    expect(backlog.claim(1)).toEqual([1]);
    // Once: what fails five times again is the cause itself.
    for (let failures = 1; failures <= 5; failures++) {
      backlog.failed(1, slow);
      pass(30_000);
      backlog.claim(1);
    }
    backlog.settled(2);
    pass(30_000);
    expect(backlog.claim(1)).toEqual([]);
    expect(backlog.leftOver()).toBe(1);
  });

  it("waits on as long as it is told to be patient, and five minutes more", () => {
    let isPatient = true;
    const { backlog, pass } = backlogOf(9, { isPatient: () => isPatient });
    backlog.claim(9);
    for (let item = 1; item <= 3; item++) {
      backlog.failed(item, slow);
      pass(3_600_000);
    }
    backlog.failed(3, slow);
    isPatient = false;
    expect(backlog.failed(4, slow)).toBe(false);
    pass(299_000);
    expect(backlog.failed(5, slow)).toBe(false);
    pass(2_000);
    expect(() => backlog.failed(6, slow)).toThrow(FatalError);
  });

  it("passes on what is no passing trouble", () => {
    const bug = new TypeError("bug");
    expect(() => backlogOf(1).backlog.failed(1, bug)).toThrow(bug);
  });
});
