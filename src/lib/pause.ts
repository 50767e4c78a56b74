import type { Clock } from "./clock.ts";

export interface PauseOptions {
  readonly delayMs: number;
  /** Ends the pause early. */
  readonly until?: Promise<void>;
  /** Ends the pause early, too: the caller looks at the signal itself. */
  readonly signal: AbortSignal;
}

/** Told to the loser of the race, made once: a new error with its stack for each pause was 2 % of generate's time. */
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
