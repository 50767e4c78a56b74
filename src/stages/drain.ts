import PQueue from "p-queue";
import { FatalError, isAbort } from "../errors.ts";
import type { Clock } from "../lib/clock.ts";
import type { Upstream } from "./stage.ts";

/** The part of a stage that `drain` calls. Only `perform` touches the outside world. */
export interface Work<Item, Result> {
  /** Items in flight, ≥ 1. */
  readonly concurrency: number;
  /** The next items, at most `limit`, never one that is in flight; [] where there is nothing now. */
  claim(limit: number): readonly Item[];
  /** Milliseconds until an item that waits for its next try can be claimed; null if none waits. */
  nextDueMs(): number | null;
  /** Must be safe to repeat: a crash between it and `settle` runs it again. */
  perform(item: Item): Promise<Result>;
  /** Records the result, in one transaction. */
  settle(item: Item, result: Result): void;
  /**
   * Records a failure of `perform` (try later, reject, give up), in one transaction. FatalErrors and aborts never come here.
   * Rethrows what it does not know: that is a bug and ends the drain.
   */
  fail(item: Item, error: unknown): void;
}

export interface DrainNeeds {
  readonly clock: Clock;
  /** Stop taking work, settle what is in flight. */
  readonly stopping: AbortSignal;
  /** Leave at once. */
  readonly signal: AbortSignal;
}

/**
 * The one loop of the stages that move items: claim → perform → settle, at most `concurrency` in flight, no batch waiting for its
 * slowest. One item a free slot: nothing waits in memory, so memory does not grow with the table. Ends when nothing is left and
 * nothing more can come, or when `stopping` fires and the items in flight are settled.
 * @throws the first FatalError or unknown error, after everything else in flight was settled.
 */
export async function drain<Item, Result>(work: Work<Item, Result>, upstream: Upstream, needs: DrainNeeds): Promise<{ stopped: boolean }> {
  const queue = new PQueue({ concurrency: work.concurrency });
  const failure = new AbortController();
  const over = AbortSignal.any([failure.signal, needs.stopping, needs.signal]);
  let firstError: unknown;

  const runOne = async (item: Item): Promise<void> => {
    try {
      work.settle(item, await work.perform(item));
    } catch (error) {
      if (isAbort(error) && needs.signal.aborted) return; // The item stays as it was; the next run takes it again.
      try {
        if (error instanceof FatalError) throw error;
        work.fail(item, error);
      } catch (ending) {
        firstError ??= ending;
        failure.abort();
      }
    }
  };

  while (!over.aborted) {
    // Read before claiming: work added between an empty claim and this answer would be missed the other way round.
    const moreToCome = upstream.moreToCome();
    const items = work.claim(work.concurrency - queue.pending);
    for (const item of items) void queue.add(() => runOne(item));
    if (queue.pending >= work.concurrency) await slotFreed(queue);
    else if (items.length === 0) {
      const dueMs = work.nextDueMs();
      if (queue.pending === 0 && !moreToCome && dueMs === null) break;
      await somethingToDo(queue, moreToCome ? upstream : null, { dueMs, clock: needs.clock, over });
    }
  }
  await queue.onIdle();
  if (firstError !== undefined) throw firstError;
  return { stopped: over.aborted };
}

function slotFreed(queue: PQueue): Promise<void> {
  return new Promise((resolve) => queue.addEventListener("next", () => resolve(), { once: true }));
}

interface Waiting {
  readonly dueMs: number | null;
  readonly clock: Clock;
  readonly over: AbortSignal;
}

/** Resolves at the first of: a slot freed, new work from upstream, a deferred item due, the end. */
async function somethingToDo(queue: PQueue, upstream: Upstream | null, { dueMs, clock, over }: Waiting): Promise<void> {
  const first = new AbortController();
  const signal = AbortSignal.any([first.signal, over]);
  const waits: Promise<void>[] = [];
  if (queue.pending > 0) waits.push(slotFreed(queue));
  if (upstream !== null) waits.push(upstream.waitForWork(signal));
  if (dueMs !== null) waits.push(clock.sleep(dueMs, signal));
  // The losers reject when `first` aborts, which is their end and no error.
  const ended = waits.map((wait) => wait.catch((error: unknown) => (signal.aborted ? undefined : Promise.reject(error as Error))));
  try {
    await Promise.race(ended);
  } finally {
    first.abort();
  }
}
