/** A probe waits at most so many times `probe_after_s`. */
const MAX_FACTOR = 16;

/** Something that is not trusted for a while. */
export interface Breaker {
  readonly why: string;
  /** When it may be tried with one job, ms since the epoch. */
  readonly untilMs: number;
  /** How often it was tried since. */
  readonly tries: number;
  /** One job is there to find out. */
  readonly isProbing: boolean;
}

export type Permission = "yes" | "probe" | "no";

/** The first time, or after a failed probe: each wait is twice the one before. */
export function openBreaker(before: Breaker | undefined, { why, nowMs, probeAfterMs }: OpenOptions): Breaker {
  // What was out together with the probe fails together with it, which is one failure.
  if (before !== undefined && !before.isProbing) return { ...before, why };
  const tries = before === undefined ? 0 : before.tries + 1;
  return { why, tries, untilMs: nowMs + probeAfterMs * Math.min(MAX_FACTOR, 2 ** tries), isProbing: false };
}

export interface OpenOptions {
  readonly why: string;
  readonly nowMs: number;
  readonly probeAfterMs: number;
}

export function permissionOf(breaker: Breaker | undefined, nowMs: number): Permission {
  if (breaker === undefined) return "yes";
  return breaker.isProbing || nowMs < breaker.untilMs ? "no" : "probe";
}
