import { describe, expect, test } from "vitest";
import { planFiles, type FilePlanNeeds } from "../../../../src/stages/export/images/write-images.ts";
import { rowIdPages } from "../../../../src/stages/export/rows/read-rows.ts";

const MIB = 1024 * 1024;

/** Rows of these sizes in one split, all of its ids in their order. */
function planOf(sizesMib: readonly number[], shards: FilePlanNeeds["shards"] = "auto") {
  const ids = sizesMib.map((_, index) => String(index).padStart(6, "0"));
  const snapshot = {
    rowIds: (_split: number, { after, count }: { after: string; count: number }) => ids.filter((id) => id > after).slice(0, count),
  };
  let looks = 0;
  const needs: FilePlanNeeds = {
    queries: { readPairBytes: (rowIds) => rowIds.map((id) => (sizesMib[Number(id)] ?? 0) * MIB) },
    shards,
    rowIdsOf: () => rowIdPages(snapshot, { split: 0, front: ids.slice(-1) }),
    checkpoint: () => Promise.resolve(void looks++),
  };
  const planned = { split: "train", rows: ids.length, front: [] } as const;
  return { plan: (isPacked: boolean) => planFiles({ isPacked }, needs, planned), looks: () => looks };
}

describe("planFiles()", () => {
  test("closes a file with the row that fills it, and counts those at the front first", async () => {
    // The last row stands at the front: 200 + 56, then 300, then what is left.
    expect(await planOf([56, 300, 10, 20, 200]).plan(true)).toEqual([2, 1, 2]);
    expect(await planOf([256, 256]).plan(true)).toEqual([1, 1]);
    expect(await planOf([1]).plan(true)).toEqual([1]);
  });

  test("checks whether to stop, however many rows there are", async () => {
    const { plan, looks } = planOf(Array.from({ length: 1_000 }, () => 1));
    expect(await plan(true)).toEqual([256, 256, 256, 232]);
    expect(looks()).toBeGreaterThanOrEqual(4);
  });

  test("asks for no size where none counts", async () => {
    const { plan, looks } = planOf([300, 300, 300], 2);
    expect(await plan(true)).toEqual([2, 1]);
    expect(await planOf([300, 300, 300]).plan(false)).toEqual([3]);
    expect(looks()).toBe(0);
  });
});
