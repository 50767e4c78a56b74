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
