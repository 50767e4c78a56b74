import { FatalError, TransientError } from "../errors.ts";
import type { Clock } from "../lib/clock.ts";
import { createBackoff, WAITS } from "../lib/retry.ts";
import type { Upstream } from "./stage.ts";
import { openSweep, type SweepPage } from "./sweep.ts";

/** Failures of an item in one run after which it is left for the next run. */
const MAX_TRIES = 5;
/** Time without a success after which only a person can help, ms. */
const GIVE_UP_MS = 300_000;

export interface BacklogOptions<Item> {
  /** Task in messages: "inspect the stored images". */
  readonly task: string;
  readonly clock: Clock;
  /** Looks at a bounded number of rows after `afterRow`. */
  readonly readPage: (afterRow: number) => SweepPage<Item>;
  readonly keyOf: (item: Item) => string;
  /** True while failures end nothing, however long nothing works: other stages have work of their own meanwhile. Default: never. */
  readonly isPatient?: () => boolean;
}

/** The open items of a stage whose work follows from the tables themselves. */
export interface Backlog<Item> {
  claim(limit: number): readonly Item[];
  nextDueMs(): number | null;
  /** The result is committed: no later page names the item. */
  settled(item: Item): void;
  /** Try later, or leave it: then true. @throws what is no TransientError; FatalError once nothing works any more. */
  failed(item: Item, error: unknown): boolean;
  /** Returns the number of items that are left for the next run now. */
  leftOver(): number;
  /** The upstream to drain with. */
  follow(upstream: Upstream): Upstream;
}

/**
 * Hands out what a sweep finds, each item to one taker at a time. Failures slow the whole stage, not only their item: what is
 * behind them (a store, a judge) is the same for all. So an item that failed while nothing else worked is no culprit: it gets a second
 * chance once something works.
 */
export function openBacklog<Item>({ task, clock, readPage, keyOf, isPatient = never }: BacklogOptions<Item>): Backlog<Item> {
  const sweep = openSweep(readPage, clock);
  const health = openHealth({ task, clock, isPatient });
  /** Handed out, or waiting to be tried again. */
  const taken = new Set<string>();
  /** Left for the next run. */
  const givenUp = new Set<string>();
  /** Left likewise, until something works. */
  const parked = new Set<string>();
  const hadSecondChance = new Set<string>();
  const tries = new Map<string, Tries>();
  const retries: Item[] = [];
  let ready: Item[] = [];
  /** Since when nothing is handed out; null while something is, or nothing ever was. */
  let idleSinceMs: number | null = null;

  const isFree = (key: string): boolean => !taken.has(key) && !givenUp.has(key) && !parked.has(key);

  function claim(limit: number): readonly Item[] {
    if (limit < 1 || health.pausedMs() > 0) return [];
    const items = retries.splice(0, limit);
    if (items.length < limit && ready.length === 0) ready = sweep.next().filter((item) => isFree(keyOf(item)));
    items.push(...ready.splice(0, limit - items.length));
    // Nothing to try is no failing. What the pause took of it is.
    if (items.length > 0 && taken.size === 0 && idleSinceMs !== null) health.idle(Math.max(idleSinceMs, health.pausedUntilMs()));
    if (items.length > 0) idleSinceMs = null;
    for (const item of items) taken.add(keyOf(item));
    return items;
  }

  function nextDueMs(): number | null {
    const dueMs = retries.length + ready.length > 0 ? 0 : sweep.dueMs();
    return dueMs === null ? null : Math.max(dueMs, health.pausedMs());
  }

  function settled(item: Item): void {
    taken.delete(keyOf(item));
    tries.delete(keyOf(item));
    health.worked();
    if (parked.size === 0) return;
    for (const key of parked) hadSecondChance.add(key);
    parked.clear();
    sweep.again();
  }

  function failed(item: Item, error: unknown): boolean {
    if (!(error instanceof TransientError)) throw error;
    health.failed(error);
    const key = keyOf(item);
    const { count, successesBefore } = tries.get(key) ?? { count: 0, successesBefore: health.successes() };
    const isOutage = health.successes() === successesBefore;
    const isLast = count + 1 >= MAX_TRIES;
    if (!isLast || (isOutage && isPatient())) {
      if (isLast) tries.delete(key);
      else tries.set(key, { count: count + 1, successesBefore });
      retries.push(item);
      return false;
    }
    taken.delete(key);
    tries.delete(key);
    (isOutage && !hadSecondChance.has(key) ? parked : givenUp).add(key);
    if (taken.size === 0) idleSinceMs = clock.nowMs();
    return true;
  }

  const leftOver = (): number => givenUp.size + parked.size;
  return { claim, nextDueMs, settled, failed, leftOver, follow: (upstream) => sweep.follow(upstream) };
}

interface Tries {
  readonly count: number;
  /** Successes of any item before the first of them. */
  readonly successesBefore: number;
}

const never = (): boolean => false;

/** Decides how long everything waits after failures, and when to stop. */
function openHealth({ task, clock, isPatient }: Required<Pick<BacklogOptions<never>, "task" | "clock" | "isPatient">>) {
  let successes = 0;
  let failingSinceMs: number | null = null;
  const backoff = createBackoff(WAITS.backlog);
  let pausedUntilMs = 0;

  return {
    pausedMs: (): number => Math.max(0, pausedUntilMs - clock.nowMs()),
    successes: (): number => successes,
    worked(): void {
      successes++;
      failingSinceMs = null;
      backoff.worked();
    },
    pausedUntilMs: (): number => pausedUntilMs,
    /** There was nothing to try from then until now. */
    idle(sinceMs: number): void {
      if (failingSinceMs !== null) failingSinceMs += clock.nowMs() - sinceMs;
    },
    failed(error: TransientError): void {
      const nowMs = clock.nowMs();
      if (failingSinceMs === null || isPatient()) failingSinceMs = nowMs;
      if (nowMs - failingSinceMs > GIVE_UP_MS) {
        throw new FatalError(`Cannot ${task}: nothing worked for ${GIVE_UP_MS / 60_000} minutes. The last error: ${error.message}`, {
          cause: error,
        });
      }
      pausedUntilMs = nowMs + backoff.failed(error.retryAfterMs);
    },
  };
}
