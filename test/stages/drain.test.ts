import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FatalError, TransientError } from "../../src/errors.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { drain, type Work } from "../../src/stages/drain.ts";
import { nothingUpstream, type Upstream } from "../../src/stages/stage.ts";

function counting(total: number, perform: (item: number) => Promise<void>, concurrency = 4) {
  const waiting = Array.from({ length: total }, (_, index) => index);
  const settled: number[] = [];
  const failed: number[] = [];
  let inFlight = 0;
  let most = 0;
  const work: Work<number, void> = {
    concurrency,
    claim: (limit) => waiting.splice(0, limit),
    nextDueMs: () => null,
    perform: async (item) => {
      most = Math.max(most, ++inFlight);
      await perform(item).finally(() => inFlight--);
    },
    settle: (item) => void settled.push(item),
    fail: (item, error) => {
      if (!(error instanceof TransientError)) throw error;
      failed.push(item);
    },
  };
  return { work, waiting, settled, failed, most: () => most };
}

const signals = () => {
  const stopping = new AbortController();
  const leaving = new AbortController();
  return { stopping, leaving, needs: { clock: systemClock, stopping: stopping.signal, signal: leaving.signal } };
};
const soon = () => new Promise<void>((resolve) => setImmediate(resolve));

describe("drain()", () => {
  it("settles or fails every item once, with never more than `concurrency` in flight", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 1, max: 9 }), async (total, concurrency) => {
        const run = counting(total, (item) => (item % 3 === 0 ? Promise.reject(new TransientError("no")) : soon()), concurrency);
        const { stopped } = await drain(run.work, nothingUpstream, signals().needs);
        expect(stopped).toBe(false);
        expect([...run.settled, ...run.failed].toSorted((a, b) => a - b)).toEqual(Array.from({ length: total }, (_, index) => index));
        expect(run.most()).toBeLessThanOrEqual(concurrency);
      }),
      { numRuns: 30 },
    );
  });

  it("stops taking work when told to, and settles what is in flight", async () => {
    const { stopping, needs } = signals();
    const run = counting(100, async (item) => {
      if (item === 5) stopping.abort();
      await soon();
    });
    const { stopped } = await drain(run.work, nothingUpstream, needs);
    expect(stopped).toBe(true);
    expect(run.settled.length + run.waiting.length).toBe(100);
    expect(run.waiting.length).toBeGreaterThan(80);
  });

  it("ends with a FatalError after settling the others", async () => {
    const run = counting(100, (item) => (item === 3 ? Promise.reject(new FatalError("disk full")) : soon()));
    await expect(drain(run.work, nothingUpstream, signals().needs)).rejects.toThrow("disk full");
    expect(run.settled.length + run.waiting.length).toBe(99);
  });

  it("ends with an error that the work does not know: it is a bug", async () => {
    const run = counting(3, () => Promise.reject(new TypeError("undefined is no function")));
    await expect(drain(run.work, nothingUpstream, signals().needs)).rejects.toThrow(TypeError);
  });

  it("waits for work that is still to come, and misses none", async () => {
    const run = counting(2, soon);
    let rounds = 3;
    const upstream: Upstream = {
      moreToCome: () => rounds > 0,
      waitForWork: async () => {
        await soon();
        if (rounds-- > 0) run.waiting.push(100 + rounds);
      },
    };
    await drain(run.work, upstream, signals().needs);
    expect(run.settled.toSorted((a, b) => a - b)).toEqual([0, 1, 100, 101, 102]);
  });

  it("comes back for an item that waits for its next try", async () => {
    let deferred: number[] = [];
    const run = counting(1, soon);
    let tries = 0;
    const work: Work<number, void> = {
      ...run.work,
      claim: (limit) => [...run.work.claim(limit), ...(tries > 0 ? deferred.splice(0) : [])],
      nextDueMs: () => (deferred.length > 0 ? 1 : null),
      perform: () => (tries++ === 0 ? Promise.reject(new TransientError("later")) : Promise.resolve()),
      fail: (item) => void (deferred = [item]),
    };
    await drain(work, nothingUpstream, signals().needs);
    expect(run.settled).toEqual([0]);
  });

  it("leaves at once when told twice, and leaves the items as they were", async () => {
    const { leaving, needs } = signals();
    const run = counting(10, async () => {
      leaving.abort();
      await soon();
      leaving.signal.throwIfAborted();
    });
    await drain(run.work, nothingUpstream, needs);
    expect(run.settled).toEqual([]);
    expect(run.failed).toEqual([]);
  });
});
