/** Limits of a back-off. */
export interface BackoffOptions {
  readonly firstMs: number;
  readonly maxMs: number;
  /** What the server asked for; honoured if longer, up to 10 × maxMs. */
  readonly retryAfterMs?: number | undefined;
}

/**
 * How long to wait before try number `failedTries` + 1 (from 0): full jitter, a random share of an exponentially growing limit, so
 * that many clients of one recovering server do not come back together. Source: AWS Architecture Blog, "Exponential Backoff And Jitter".
 */
export function backoffMs(failedTries: number, { firstMs, maxMs, retryAfterMs = 0 }: BackoffOptions): number {
  const limitMs = Math.min(maxMs, firstMs * 2 ** Math.min(failedTries, 30));
  return Math.max(Math.min(retryAfterMs, 10 * maxMs), Math.random() * limitMs);
}
