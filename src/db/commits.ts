import type { Clock } from "../lib/clock.ts";
import type { Db } from "./open.ts";

// Each commit waits for the disk: 0.2 ms on a fast one, 20 ms on a slow one. Three ways in which writes share a commit:
// `together` commits now what one caller changes, `queued` commits once a turn what many callers change, and `writeBehind` collects results
// that may be lost in a crash, because the work that gave them is done again.

/** Pieces of queued work in one commit. What comes meanwhile waits for the next. */
const QUEUED_MAX = 200;

export interface Commits {
  /** Runs `work` in one transaction and commits it. A call within another one joins that one's transaction. */
  together(work: () => void): void;
  /** Runs `action` once the transaction under way is committed, never if it is rolled back. */
  afterCommit(action: () => void): void;
  /**
   * Runs `work` in one transaction with all that is queued in the same turn of the event loop. Resolves with its result once the disk has
   * it. Rejects with what it throws; nothing of it stays then, and the work of others does.
   */
  readonly queued: <T>(work: () => T) => Promise<T>;
}

interface Queued {
  readonly run: () => void;
  readonly reject: (error: unknown) => void;
}

/** Opens the commits of one database. Commits that share nothing may be opened apart. */
export function openCommits({ client }: Pick<Db, "client">): Commits {
  let actions: (() => void)[] = [];
  let queue: Queued[] = [];
  let depth = 0;
  const transaction = client.transaction((work: () => void) => work());

  const afterCommit = (action: () => void): void => void actions.push(action);

  function together(work: () => void): void {
    if (depth > 0) return work();
    depth++;
    try {
      transaction.immediate(work);
    } catch (error) {
      actions = []; // What was to follow was rolled back with the rest.
      throw error;
    } finally {
      depth--;
    }
    const committed = actions;
    actions = [];
    for (const action of committed) action();
  }

  /** A commit stops everything until the disk has it. The longer that takes, the more is queued, so nobody waits for more than two. */
  function commitQueue(): void {
    const batch = queue.slice(0, QUEUED_MAX);
    queue = queue.slice(QUEUED_MAX);
    if (queue.length > 0) setImmediate(commitQueue);
    try {
      together(() => batch.forEach(runInSavepoint));
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }

  function runInSavepoint({ run, reject }: Queued): void {
    const actionsBefore = actions.length;
    try {
      transaction(run);
    } catch (error) {
      if (!client.inTransaction) throw error; // The disk is full, say: SQLite has rolled back the whole transaction.
      actions.length = actionsBefore;
      afterCommit(() => reject(error));
    }
  }

  function queued<T>(work: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const run = (): void => {
        const result = work();
        afterCommit(() => resolve(result));
      };
      queue.push({ run, reject });
      if (queue.length === 1) setImmediate(commitQueue);
    });
  }

  return { together, afterCommit, queued };
}

/** Results that wait at most, and how long at most, ms. Lost ones are work done again. */
const ENTRIES_MAX = 64;
const DELAY_MS = 200;

/** Collects results, so that many small ones share one transaction. A crash loses only what can be done again. */
export interface WriteBehind<Entry> {
  add(entry: Entry): void;
  /** Milliseconds until the waiting results are due; null if none wait. */
  dueMs(): number | null;
  flushIfDue(): void;
  flush(): void;
}

/** Returns an empty collection. `write` gets the results in the order in which they were added, and must write all or none. */
export function writeBehind<Entry>(clock: Clock, write: (entries: readonly Entry[]) => void): WriteBehind<Entry> {
  let entries: Entry[] = [];
  let oldestMs = 0;

  function flush(): void {
    if (entries.length === 0) return;
    const written = entries;
    entries = [];
    write(written);
  }

  const dueMs = (): number | null => {
    if (entries.length === 0) return null;
    return entries.length >= ENTRIES_MAX ? 0 : Math.max(0, oldestMs + DELAY_MS - clock.nowMs());
  };

  return {
    add(entry) {
      if (entries.length === 0) oldestMs = clock.nowMs();
      entries.push(entry);
    },
    dueMs,
    flushIfDue() {
      if (dueMs() === 0) flush();
    },
    flush,
  };
}

/** The smaller of two delays, null being none. */
export function earliest(first: number | null, second: number | null): number | null {
  if (first === null) return second;
  return second === null ? first : Math.min(first, second);
}

interface TimedWrites {
  /** Call it after each `add`. It sets the timer that writes what is due, even if nothing else happens until then. */
  arm(): void;
  /** Writes what is due. Returns false once a write has failed: begin nothing more then. */
  writeDue(): boolean;
  /** Writes all that waits, unless a write has failed. Throws what that one threw. */
  end(): void;
}

/**
 * Writes waiting results when they are due. After a failed write nothing more is written: `onFailure` is called once, so that the caller
 * can
 * settle what is in flight, and `end` throws the error.
 */
export function writeInTime(results: Omit<WriteBehind<never>, "add">, onFailure: () => void): TimedWrites {
  let timer: NodeJS.Timeout | undefined;
  let failure: { readonly error: unknown } | undefined;

  function guarded(write: () => void): void {
    if (failure !== undefined) return;
    try {
      write();
    } catch (error) {
      failure = { error };
      onFailure();
    }
  }

  function arm(): void {
    const dueMs = results.dueMs();
    if (timer !== undefined || dueMs === null || failure !== undefined) return;
    timer = setTimeout(() => {
      timer = undefined;
      guarded(results.flushIfDue);
      arm(); // What came later than the first has its own time.
    }, dueMs);
  }

  return {
    arm,
    writeDue() {
      guarded(results.flushIfDue);
      return failure === undefined;
    },
    end() {
      clearTimeout(timer);
      guarded(results.flush);
      if (failure !== undefined) throw failure.error;
    },
  };
}
