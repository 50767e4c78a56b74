import type { Clock } from "../lib/clock.ts";

/** Results that wait at most, and how long at most, ms: a commit costs 0.2 ms, a lost one is work done again. */
const ENTRIES_MAX = 64;
const DELAY_MS = 200;

/** Collects results, so that many small ones share one transaction. A crash loses only what can be done again. */
export interface WriteBehind<Entry> {
  add(entry: Entry): void;
  /** Milliseconds until the waiting results are to be written; null where none wait. */
  dueMs(): number | null;
  flushIfDue(): void;
  flush(): void;
}

/** `write` gets the results in the order they came, and must write all or none. */
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
