import { describe, expect, it } from "vitest";
import type { Upstream } from "../../src/stages/stage.ts";
import { openSweep } from "../../src/stages/sweep.ts";

/** A table of rows 1…n, two a page; a row is open until it is done. */
function table(rows: number) {
  const open = new Set(Array.from({ length: rows }, (_, index) => index + 1));
  const pagesFrom: number[] = [];
  const readPage = (afterRow: number) => {
    pagesFrom.push(afterRow);
    const page = [afterRow + 1, afterRow + 2].filter((row) => row <= rows);
    const items = page.filter((row) => open.has(row));
    return { items, lastRow: page.at(-1) ?? null, firstOpenRow: items[0] ?? null };
  };
  return { open, pagesFrom, readPage };
}

const clock = { nowMs: () => Date.now(), sleep: () => Promise.resolve() };

/** Everything that one sweep finds. */
function sweepOnce(sweep: ReturnType<typeof openSweep<number>>): number[] {
  const found: number[] = [];
  do found.push(...sweep.next());
  while (sweep.dueMs() === 0);
  return found;
}

function upstream(): Upstream & { ended: boolean } {
  const state = { ended: false, moreToCome: () => !state.ended, waitForWork: () => Promise.resolve() };
  return state;
}

describe("openSweep()", () => {
  it("finds every open row once, a page at a time, and then rests", () => {
    const { open, readPage, pagesFrom } = table(5);
    open.delete(2);
    const sweep = openSweep(readPage, clock);
    expect(sweep.next()).toEqual([1]);
    expect(sweep.dueMs()).toBe(0);
    expect(sweepOnce(sweep)).toEqual([3, 4, 5]);
    expect(pagesFrom).toEqual([0, 2, 4, 5]);
    expect(sweep.dueMs()).toBeNull();
    expect(sweep.next()).toEqual([]);
    expect(pagesFrom).toHaveLength(4);
  });

  it("starts again at the lowest open row when there are news", async () => {
    const { open, readPage, pagesFrom } = table(6);
    for (const row of [1, 2, 3, 5]) open.delete(row);
    let nowMs = 0;
    const sweep = openSweep(readPage, { ...clock, nowMs: () => nowMs });
    const followed = sweep.follow(upstream());
    expect(followed.moreToCome()).toBe(true);
    expect(sweepOnce(sweep)).toEqual([4, 6]);
    await followed.waitForWork(new AbortController().signal);
    expect(sweep.dueMs()).toBeGreaterThan(0); // Not at once: looking must not take all the time.
    nowMs += 60_000;
    pagesFrom.length = 0;
    expect(sweepOnce(sweep)).toEqual([4, 6]);
    expect(pagesFrom[0]).toBe(3);
  });

  it("goes once over the whole table when upstream has ended", () => {
    const { open, readPage } = table(4);
    open.clear();
    let nowMs = 0;
    const sweep = openSweep(readPage, { ...clock, nowMs: () => nowMs });
    const source = upstream();
    const followed = sweep.follow(source);
    followed.moreToCome();
    expect(sweepOnce(sweep)).toEqual([]);
    open.add(1); // Put back, below the floor.
    source.ended = true;
    expect(followed.moreToCome()).toBe(false);
    nowMs += 60_000;
    expect(sweepOnce(sweep)).toEqual([1]);
    expect(followed.moreToCome()).toBe(false);
    expect(sweep.dueMs()).toBeNull();
  });
});
