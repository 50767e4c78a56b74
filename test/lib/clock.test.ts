import { expect, test, vi } from "vitest";
import { systemClock } from "../../src/lib/clock.ts";

test("the clock goes on evenly when the system's is set", () => {
  const before = systemClock.nowMs();
  expect(Number.isInteger(before)).toBe(true);
  expect(Math.abs(before - Date.now())).toBeLessThan(60_000);
  vi.spyOn(Date, "now").mockReturnValue(before - 3_600_000);
  expect(systemClock.nowMs()).toBeGreaterThanOrEqual(before);
  vi.spyOn(Date, "now").mockReturnValue(before + 3_600_000);
  expect(systemClock.nowMs()).toBeLessThan(before + 60_000);
  vi.restoreAllMocks();
});
