import { assert, double, integer, nat, option, property, record } from "fast-check";
import { describe, expect, it } from "vitest";
import { FatalError, TransientError } from "../../src/errors.ts";
import { backoffMs, createBackoff, RETRIES, retry, WAITS } from "../../src/lib/retry.ts";

const LIMITS = { firstMs: 250, maxMs: 15_000 };
const limits = record({ firstMs: integer({ min: 1, max: 5_000 }), maxMs: integer({ min: 5_000, max: 60_000 }) });
const share = double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

/** A clock whose waits are over at once, and which remembers them. */
function hastyClock() {
  const waitsMs: number[] = [];
  return {
    waitsMs,
    sleep: (delayMs: number, signal?: AbortSignal): Promise<void> => {
      waitsMs.push(delayMs);
      return signal?.aborted === true ? Promise.reject(signal.reason as Error) : Promise.resolve();
    },
  };
}

describe("backoffMs", () => {
  it("doubles the limit of each wait up to the longest, and takes a random share of it", () => {
    const whole = [0, 1, 2, 3, 4, 5, 6, 7, 100].map((failedTries) => backoffMs(failedTries, LIMITS, () => 1));
    expect(whole).toEqual([250, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000]);
    expect(backoffMs(3, LIMITS, () => 0.25)).toBe(500);
    expect(backoffMs(3, LIMITS, () => 0)).toBe(0);
  });

  it("waits as long as Retry-After asks, where that is longer, up to ten times the longest wait", () => {
    expect(backoffMs(0, { ...LIMITS, retryAfterMs: 3_000 }, () => 0.5)).toBe(3_000);
    expect(backoffMs(6, { ...LIMITS, retryAfterMs: 3_000 }, () => 0.5)).toBe(7_500);
    expect(backoffMs(0, { ...LIMITS, retryAfterMs: 86_400_000 }, () => 0.5)).toBe(150_000);
  });

  it("never waits longer than its limits allow, whatever a server asks for", () => {
    assert(
      property(nat(), limits, option(double({ min: 0, noNaN: true }), { nil: undefined }), share, (tries, waits, asked, at) => {
        const waitMs = backoffMs(tries, { ...waits, retryAfterMs: asked }, () => at);
        expect(waitMs).toBeGreaterThanOrEqual(0);
        expect(waitMs).toBeLessThanOrEqual(10 * waits.maxMs);
        expect(waitMs <= Math.min(waits.maxMs, waits.firstMs * 2 ** Math.min(tries, 30)) || asked !== undefined).toBe(true);
      }),
    );
  });
});

describe("createBackoff", () => {
  it("grows with each failure and starts again after something worked", () => {
    const backoff = createBackoff(LIMITS, () => 1);
    expect(backoff.isFailing()).toBe(false);
    expect(backoff.failed()).toBe(250);
    expect(backoff.isFailing()).toBe(true);
    expect([backoff.failed(), backoff.failed()]).toEqual([500, 1_000]);
    backoff.worked();
    expect(backoff.isFailing()).toBe(false);
    expect(backoff.failed(700)).toBe(700);
    expect(backoff.failed()).toBe(500);
  });
});

describe("retry", () => {
  const busy = new TransientError("busy");

  it("tries as often as its limits say, tells the last try, and throws what that one threw", async () => {
    const clock = hastyClock();
    const isLast: boolean[] = [];
    const work = (last: boolean): Promise<never> => {
      isLast.push(last);
      return Promise.reject(busy);
    };
    await expect(retry(work, { limits: { ...LIMITS, tries: 4 }, clock, random: () => 1 })).rejects.toBe(busy);
    expect(isLast).toEqual([false, false, false, true]);
    expect(clock.waitsMs).toEqual([250, 500, 1_000]);
  });

  it("returns the first result", async () => {
    let calls = 0;
    const work = (): Promise<number> => (++calls < 3 ? Promise.reject(busy) : Promise.resolve(calls));
    expect(await retry(work, { limits: { ...LIMITS, tries: 4 }, clock: hastyClock() })).toBe(3);
  });

  it("waits as the server asks with Retry-After", async () => {
    const clock = hastyClock();
    const error = new TransientError("429", { retryAfterMs: 9_000 });
    await expect(retry(() => Promise.reject(error), { limits: { ...LIMITS, tries: 2 }, clock })).rejects.toBe(error);
    expect(clock.waitsMs).toEqual([9_000]);
  });

  it("does not try again what no try can help, unless it is told otherwise", async () => {
    const fatal = new FatalError("no bucket");
    let calls = 0;
    const work = (): Promise<never> => {
      calls++;
      return Promise.reject(fatal);
    };
    const options = { limits: { ...LIMITS, tries: 5 }, clock: hastyClock() };
    await expect(retry(work, options)).rejects.toBe(fatal);
    expect(calls).toBe(1);
    await expect(retry(work, { ...options, mayHelp: (_error, failedTries) => failedTries < 3 })).rejects.toBe(fatal);
    expect(calls).toBe(4);
  });

  it("ends a wait with the signal's reason", async () => {
    const stopped = new Error("stopped");
    const signal = AbortSignal.abort(stopped);
    await expect(retry(() => Promise.reject(busy), { limits: RETRIES.store, clock: hastyClock(), signal })).rejects.toBe(stopped);
  });

  it("has an end for everything in the table, within minutes where no server asks for more", () => {
    for (const { tries, ...waits } of Object.values(RETRIES)) {
      const longestMs = Array.from({ length: tries - 1 }, (_, failed) => backoffMs(failed, waits, () => 1)).reduce((a, b) => a + b, 0);
      expect(longestMs).toBeLessThan(120_000);
    }
    for (const { firstMs, maxMs } of Object.values(WAITS)) expect(firstMs).toBeLessThan(maxMs);
  });
});
