import { describe, expect, it } from "vitest";
import { roomOf, shortageOf, diskShortageOf } from "../../../src/stages/generate/room.ts";

const free = { window: 2, ours: 0, foreign: 0, shortage: null, isProbe: false };

describe("roomOf()", () => {
  it.each([
    [{}, 2],
    [{ ours: 1 }, 1],
    [{ foreign: 1 }, 1],
    [{ ours: 1, foreign: 1 }, 0],
    [{ foreign: 40 }, 0],
    [{ isProbe: true }, 1],
    [{ isProbe: true, ours: 1 }, 0],
    [{ shortage: "100 MB free" }, 0],
  ])("of %j is %i", (changes, room) => {
    expect(roomOf({ ...free, ...changes })).toBe(room);
  });
});

describe("shortageOf()", () => {
  const stats = {
    ramFreeBytes: 8e9,
    devices: [
      { name: "cuda:1", vramFreeBytes: 1e9 },
      { name: "cuda:0", vramFreeBytes: 10e6 }, // Somebody else's.
    ],
  };

  it("looks at the device that the server uses, the first, and at nothing where no mark is set", () => {
    expect(shortageOf(stats, { minFreeVramMb: 2_000, minFreeRamMb: 0 })).toContain("1000 MB of VRAM free on cuda:1, under 2000");
    expect(shortageOf(stats, { minFreeVramMb: 500, minFreeRamMb: 9_000 })).toContain("8000 MB of RAM free");
    expect(shortageOf(stats, { minFreeVramMb: 0, minFreeRamMb: 0 })).toBeNull();
  });
});

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
