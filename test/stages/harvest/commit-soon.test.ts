import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { commitSoon } from "../../../src/stages/harvest/commit-soon.ts";
import { writeBehind } from "../../../src/stages/write-behind.ts";

describe("commitSoon()", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  function open(write: (entries: readonly number[]) => void) {
    const results = writeBehind<number>({ nowMs: () => Date.now(), sleep: () => Promise.resolve() }, write);
    const onFailure = vi.fn<() => void>();
    const commits = commitSoon(results, onFailure);
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
