/** Time as the program sees it; tests pass their own. */
export interface Clock {
  /** Whole milliseconds since the epoch. Never goes back, and goes on evenly: timeouts are reckoned by it. */
  nowMs(): number;
  /** Resolves after `delayMs`, or rejects with the signal's reason. Keeps the process alive until then. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  // The system's clock as the process started, and the time since: a clock that is set in the night would make servers look stalled, or
  // never be asked again.
  nowMs: () => Math.floor(performance.timeOrigin + performance.now()),
  sleep: (delayMs, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason as Error);
      const onAbort = (): void => {
        clearTimeout(timer);
        reject(signal?.reason as Error);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      }, delayMs);
      signal?.addEventListener("abort", onAbort, { once: true });
    }),
};

interface PauseOptions {
  readonly delayMs: number;
  /** Ends the pause early. */
  readonly until?: Promise<void>;
  /** Ends the pause early, too: the caller looks at the signal itself. */
  readonly signal: AbortSignal;
}

/** Shared abort reason of all pauses. A new error with its stack for each pause cost 2 % of generate's time. */
const OVER = new Error("the pause is over");

/** Waits for a time, an event or an abort, whichever comes first; never rejects for the abort and leaves no timer behind. */
export async function pause(clock: Clock, { delayMs, until, signal }: PauseOptions): Promise<void> {
  const over = new AbortController();
  const either = AbortSignal.any([over.signal, signal]);
  const slept = clock.sleep(delayMs, either).catch((error: unknown) => {
    if (!either.aborted) throw error;
  });
  await Promise.race(until === undefined ? [slept] : [slept, until]);
  over.abort(OVER);
}
