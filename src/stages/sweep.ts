import type { Clock } from "../lib/clock.ts";
import type { Upstream } from "./stage.ts";

/** A sweep is repeated only after this many times its own duration: at most 5 % of the time goes into looking for work. */
const PAUSE_FACTOR = 20;

/** A slice of a table in row order. */
export interface SweepPage<Item> {
  /** Items that can be worked on now. */
  readonly items: readonly Item[];
  /** The highest row looked at; null if the table ended before. */
  readonly lastRow: number | null;
  /** The lowest row that is not finished for good; null if all are. Later sweeps start there. */
  readonly firstOpenRow: number | null;
}

/** Goes over a table in row order, a page at a time, again whenever there may be news. */
export interface Sweep<Item> {
  /** The next page's items; [] also where a page held none, or no sweep is due. */
  next(): readonly Item[];
  /** Milliseconds until `next` may answer more; null if nothing is expected. */
  dueMs(): number | null;
  /** There may be news that no upstream tells of. */
  again(): void;
  /** The upstream to drain with: its news start a new sweep. */
  follow(upstream: Upstream): Upstream;
}

/**
 * So no look for work costs more than a page, and memory holds one. A sweep starts at the lowest row still open, so that a long run
 * does not read over and over what it has finished; when upstream ends there is one more, over the whole table.
 * `readPage` looks at a bounded number of rows after `afterRow`.
 */
export function openSweep<Item>(readPage: (afterRow: number) => SweepPage<Item>, clock: Clock): Sweep<Item> {
  /** The row that the sweep under way has reached; null between sweeps. */
  let cursor: number | null = null;
  let floor = 0;
  let lowestOpen: number | null = null;
  let wanted = true;
  let wholeTable = false;
  let tookMs = 0;
  let notBeforeMs = 0;

  function begin(): number {
    const from = wholeTable ? 0 : floor;
    wanted = false;
    wholeTable = false;
    lowestOpen = null;
    tookMs = 0;
    return from;
  }

  function next(): readonly Item[] {
    if (cursor === null && (!wanted || clock.nowMs() < notBeforeMs)) return [];
    const after = cursor ?? begin();
    const startedMs = performance.now();
    const page = readPage(after);
    tookMs += performance.now() - startedMs;
    lowestOpen ??= page.firstOpenRow;
    cursor = page.lastRow;
    if (cursor === null) {
      floor = lowestOpen === null ? after : lowestOpen - 1;
      notBeforeMs = clock.nowMs() + tookMs * PAUSE_FACTOR;
    }
    return page.items;
  }

  function dueMs(): number | null {
    if (cursor !== null) return 0;
    return wanted ? Math.max(0, notBeforeMs - clock.nowMs()) : null;
  }

  function follow(upstream: Upstream): Upstream {
    let expected = false;
    return {
      moreToCome() {
        const more = upstream.moreToCome();
        if (expected && !more) {
          wanted = true;
          wholeTable = true; // Rows below the floor may have been put back meanwhile.
        }
        expected = more;
        return more;
      },
      async waitForWork(signal) {
        await upstream.waitForWork(signal);
        wanted = true;
      },
    };
  }

  const again = (): void => {
    wanted = true;
  };

  return { next, dueMs, again, follow };
}
