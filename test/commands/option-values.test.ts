import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { readDeadline } from "../../src/commands/option-values.ts";
import { systemClock } from "../../src/lib/clock.ts";

const DAY_MS = 86_400_000;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("deadlineOf()", () => {
  it.each([
    ["30d", 30 * DAY_MS],
    ["1.5h", 5_400_000],
  ])("--for %s fires then and not before, beyond what one timer can wait, too", async (duration, ms) => {
    const deadline = readDeadline({ options: { for: duration, until: undefined }, clock: systemClock });
    await vi.advanceTimersByTimeAsync(ms - 1);
    expect(deadline?.aborted).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(deadline?.aborted).toBe(true);
  });

  it("is undefined without either option", () => {
    expect(readDeadline({ options: { for: undefined, until: undefined }, clock: systemClock })).toBeUndefined();
  });
});
