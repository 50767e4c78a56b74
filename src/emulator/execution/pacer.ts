import { setImmediate, setTimeout } from "node:timers/promises";

/** Spreads the time that a run is to take over its work. */
export interface Pacer {
  /** Waits until the time for `units` more of work is over. Rejects when the server is killed. */
  work(units: number): Promise<void>;
}

interface Pace {
  /** Of the whole run. */
  readonly totalMs: number;
  /** All the work there is. */
  readonly units: number;
  readonly signal: AbortSignal;
}

export function pacer({ totalMs, units, signal }: Pace): Pacer {
  const startMs = performance.now();
  let done = 0;
  return {
    async work(more) {
      done += more;
      const restMs = startMs + (totalMs * done) / Math.max(1, units) - performance.now();
      // A timer cannot wait less than 1 ms: shorter times add up until they are worth one.
      if (restMs >= 1) await setTimeout(restMs, undefined, { signal });
      else await setImmediate(undefined, { signal });
    },
  };
}
