import { FatalError, TransientError } from "../errors.ts";
import { backoffMs } from "../lib/backoff.ts";
import type { Clock } from "../lib/clock.ts";
import type { Upstream } from "./stage.ts";
import { openSweep, type SweepPage } from "./sweep.ts";

/** How often an item may fail in one run before it is left for the next run. */
const MAX_TRIES = 5;
const RETRY = { firstMs: 500, maxMs: 30_000 };
/** After this long without a success nothing but a person can help, ms. */
const GIVE_UP_MS = 300_000;

export interface BacklogOptions<Item> {
  /** For messages: "inspect the stored images". */
  readonly task: string;
  readonly clock: Clock;
  /** Looks at a bounded number of rows after `afterRow`. */
  readonly readPage: (afterRow: number) => SweepPage<Item>;
  readonly keyOf: (item: Item) => string;
}

/** The open items of a stage whose work follows from the tables themselves. */
export interface Backlog<Item> {
  claim(limit: number): readonly Item[];
  nextDueMs(): number | null;
  /** The result is committed: no later page names the item. */
  settled(item: Item): void;
  /** Try later, or leave it for the next run: then true. @throws what is no TransientError; FatalError once nothing works any more. */
  failed(item: Item, error: unknown): boolean;
  /** The upstream to drain with. */
  follow(upstream: Upstream): Upstream;
}

/**
 * Hands out what a sweep finds, each item to one taker at a time. Failures slow the whole stage, not only their item: what is
 * behind them (a store, a judge) is the same for all.
 */
export function openBacklog<Item>({ task, clock, readPage, keyOf }: BacklogOptions<Item>): Backlog<Item> {
  const sweep = openSweep(readPage, clock);
  const health = openHealth(task, clock);
  /** Handed out, or waiting to be tried again. */
  const taken = new Set<string>();
  /** Left for the next run. */
  const givenUp = new Set<string>();
  const tries = new Map<string, number>();
  const retries: Item[] = [];
  let ready: Item[] = [];

  function claim(limit: number): readonly Item[] {
    if (limit < 1 || health.pausedMs() > 0) return [];
    const items = retries.splice(0, limit);
    if (items.length < limit && ready.length === 0)
      ready = sweep.next().filter((item) => !taken.has(keyOf(item)) && !givenUp.has(keyOf(item)));
    items.push(...ready.splice(0, limit - items.length));
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
  }

  function failed(item: Item, error: unknown): boolean {
    if (!(error instanceof TransientError)) throw error;
    health.failed(error);
    const key = keyOf(item);
    const failures = (tries.get(key) ?? 0) + 1;
    tries.set(key, failures);
    if (failures < MAX_TRIES) {
      retries.push(item);
      return false;
    }
    taken.delete(key);
    givenUp.add(key);
    return true;
  }

  return { claim, nextDueMs, settled, failed, follow: (upstream) => sweep.follow(upstream) };
}

/** How long everything waits after failures, and when to stop. */
function openHealth(task: string, clock: Clock) {
  let failingSinceMs: number | null = null;
  let failuresInARow = 0;
  let pausedUntilMs = 0;

  return {
    pausedMs: (): number => Math.max(0, pausedUntilMs - clock.nowMs()),
    worked(): void {
      failingSinceMs = null;
      failuresInARow = 0;
    },
    failed(error: TransientError): void {
      const nowMs = clock.nowMs();
      failingSinceMs ??= nowMs;
      if (nowMs - failingSinceMs > GIVE_UP_MS) {
        throw new FatalError(`Cannot ${task}: nothing worked for ${GIVE_UP_MS / 60_000} minutes. The last error: ${error.message}`, {
          cause: error,
        });
      }
      pausedUntilMs = nowMs + backoffMs(failuresInARow++, { ...RETRY, retryAfterMs: error.retryAfterMs });
    },
  };
}
