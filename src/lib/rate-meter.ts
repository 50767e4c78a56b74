/** Rates are means over about this long, ms. */
const WINDOW_MS = 60_000;

/** Measures how fast a counter rises. */
export interface RateMeter {
  /** Takes the newest count. Returns the rate per second. */
  read(done: number, nowMs: number): number;
}

/** Creates a meter for a counter that stands at `firstDone` now. */
export function createRateMeter(firstDone: number, firstMs: number): RateMeter {
  let sinceMs = firstMs;
  let sinceDone = firstDone;
  return {
    read(done, nowMs) {
      const elapsedMs = nowMs - sinceMs;
      const perSecond = elapsedMs > 0 ? ((done - sinceDone) * 1_000) / elapsedMs : 0;
      if (elapsedMs > WINDOW_MS) {
        // Half of the window is kept, so that the rate follows without jumping.
        sinceMs += elapsedMs / 2;
        sinceDone += (done - sinceDone) / 2;
      }
      return perSecond;
    },
  };
}
