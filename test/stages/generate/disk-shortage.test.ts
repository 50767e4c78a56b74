import { describe, expect, it } from "vitest";
import { diskShortageOf } from "../../../src/stages/generate/disk-shortage.ts";

const facts = { freeBytes: 1_500_000_000, minFreeDiskMb: 2_000, reclaims: true };

describe("diskShortageOf()", () => {
  it("says what is free, what is wanted and what helps", () => {
    expect(diskShortageOf(facts)).toBe(
      "1500 MB free in its output folder, under 2000 (generate.min_free_disk_mb): harvest makes room as it stores images",
    );
    expect(diskShortageOf({ ...facts, reclaims: false })).toContain("harvest.reclaim: true");
  });

  it.each([{ freeBytes: 2e9 }, { minFreeDiskMb: 0 }, { freeBytes: 0, minFreeDiskMb: 0 }, { freeBytes: null }])(
    "%j stops nobody",
    (changes) => {
      expect(diskShortageOf({ ...facts, ...changes })).toBeNull();
    },
  );
});
