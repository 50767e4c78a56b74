import { describe, expect, it } from "vitest";
import { earliest, writeBehind } from "../../src/stages/write-behind.ts";

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
