import { describe, expect, test } from "vitest";
import { rowIdPages } from "../../../../src/stages/export/rows/read-rows.ts";

describe("rowIdPages()", () => {
  test("gives each row once, those at the front first, some hundreds at a time", () => {
    const ids = Array.from({ length: 1_000 }, (_, index) => `d_${String(index).padStart(4, "0")}`);
    const rowIds = (_split: number, { after, count }: { after: string; count: number }) => ids.filter((id) => id > after).slice(0, count);
    const front = ["d_0700", "d_0001"];
    const pages = [...rowIdPages({ rowIds }, { split: 0, front })];
    expect(pages.flat()).toEqual([...front, ...ids.filter((id) => !front.includes(id))]);
    expect(Math.max(...pages.map(({ length }) => length))).toBeLessThan(500);
  });
});
