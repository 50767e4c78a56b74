import { TransientError } from "../errors.ts";
import type { Clock } from "./clock.ts";

/** Bounds of the waits between two tries, ms. */
interface WaitLimits {
  /** The longest first wait. Each further wait may be twice as long as the one before. */
  readonly firstMs: number;
  /** The longest wait, unless the server asks for a longer one. */
  readonly maxMs: number;
}

/** The number of tries and the waits between them. */
interface RetryLimits extends WaitLimits {
  /** Including the first. */
  readonly tries: number;
}

/**
 * A server may ask with Retry-After for so many times our own longest wait, and not for more: a wrong clock would end a night. That is
 * 80 s or more for each entry below, and what limits requests by the minute asks for 60 s at the most.
 */
const RETRY_AFTER_MAX_FACTOR = 10;
/** 2 to this power is far beyond any limit, and still a number. */
const MAX_DOUBLINGS = 30;

/** Every retry of the program, in one table. Each one has an end: its tries, or what its comment says. */
export const RETRIES = {
  /**
   * One request to a store. Source: the AWS SDKs' standard mode waits 20 s at the most; six tries outlast a minute of SlowDown, which S3
   * answers while it splits a partition ("Best practices design patterns: optimizing Amazon S3 performance").
   */
  store: { tries: 6, firstMs: 500, maxMs: 20_000 },
  /** One request to the Hub. Source: huggingface_hub's http_backoff tries five times more and waits 8 s at the most; a push is longer. */
  hub: { tries: 6, firstMs: 500, maxMs: 20_000 },
  /** The image of `check --canary`. Harvest waits longer for a server; a check is waited for by a person. */
  canaryImage: { tries: 3, firstMs: 500, maxMs: 2_000 },
  /** One image of a source that is adopted; after it the image is left to the next adoption. */
  adoptedImage: { tries: 8, firstMs: 250, maxMs: 8_000 },
  /** The list of a source that is adopted: what was adopted before it broke off is passed over quickly. */
  adoptedList: { tries: 5, firstMs: 250, maxMs: 8_000 },
} as const satisfies Readonly<Record<string, RetryLimits>>;

/** The waits of what has another end than a number of tries. */
export const WAITS = {
  /** A ComfyUI server that is in trouble. It ends with the run: after `generate.give_up_s` without any progress. */
  server: { firstMs: 250, maxMs: 15_000 },
  /** One image that came damaged. It ends after `generate.max_attempts`. */
  image: { firstMs: 250, maxMs: 10_000 },
  /** A store in trouble, while images are harvested. It ends as the server does. */
  harvestStore: { firstMs: 250, maxMs: 30_000 },
  /** A stage whose work follows from the tables: judges, inspections. It ends after five minutes without a success (backlog.ts). */
  backlog: { firstMs: 500, maxMs: 30_000 },
  /** A server's WebSocket, a hint only. It ends with the run. */
  socket: { firstMs: 500, maxMs: 30_000 },
} as const satisfies Readonly<Record<string, WaitLimits>>;

interface Wait extends WaitLimits {
  /** The wait that the server asked for. It is honoured if it is longer than ours, within bounds. */
  readonly retryAfterMs?: number | undefined;
}

/**
 * Says how long to wait before the next try after `failedTries` + 1 failures, ms: full jitter, a random share of an exponentially growing
 * limit, so that many clients of one recovering server do not come back together. `random` gives numbers in [0, 1).
 * Source: AWS Architecture Blog, "Exponential Backoff And Jitter".
 */
export function backoffMs(failedTries: number, { firstMs, maxMs, retryAfterMs = 0 }: Wait, random: () => number = Math.random): number {
  const limitMs = Math.min(maxMs, firstMs * 2 ** Math.min(failedTries, MAX_DOUBLINGS));
  return Math.max(Math.min(retryAfterMs, RETRY_AFTER_MAX_FACTOR * maxMs), random() * limitMs);
}

/** The growing waits of one thing that is tried until it works, or until somebody else ends it. */
interface Backoff {
  /** True from a failure until `worked` is called. */
  isFailing(): boolean;
  /** Counts a failure and returns how long to wait, ms. */
  failed(retryAfterMs?: number): number;
  /** The next failure waits no longer than a first one does. */
  worked(): void;
}

/** Creates a backoff that has not failed yet. */
export function createBackoff(limits: WaitLimits, random: () => number = Math.random): Backoff {
  let failures = 0;
  return {
    isFailing: () => failures > 0,
    failed: (retryAfterMs) => backoffMs(failures++, { ...limits, retryAfterMs }, random),
    worked: () => void (failures = 0),
  };
}

interface RetryOptions {
  readonly limits: RetryLimits;
  readonly clock: Pick<Clock, "sleep">;
  /** Ends the waits. Without it they end only by time. */
  readonly signal?: AbortSignal | undefined;
  readonly random?: () => number;
  /** Returns true if another try may help. `failedTries` counts this failure, too. Default: true for each TransientError. */
  readonly mayHelp?: (error: unknown, failedTries: number) => boolean;
}

/**
 * Calls `work` until it succeeds, and returns its result. `isLast` is true for the last try.
 * @throws what `work` threw at the last try, or what no other try can help against; the signal's reason where it ends a wait.
 */
export async function retry<Result>(work: (isLast: boolean) => Promise<Result>, options: RetryOptions): Promise<Result> {
  const { limits, clock, signal, random, mayHelp = isTransient } = options;
  for (let failedTries = 1; ; failedTries++) {
    try {
      return await work(failedTries >= limits.tries);
    } catch (error) {
      if (failedTries >= limits.tries || !mayHelp(error, failedTries)) throw error;
      const retryAfterMs = error instanceof TransientError ? error.retryAfterMs : undefined;
      await clock.sleep(backoffMs(failedTries - 1, { ...limits, retryAfterMs }, random), signal);
    }
  }
}

function isTransient(error: unknown): boolean {
  return error instanceof TransientError;
}
