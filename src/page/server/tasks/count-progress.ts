import type { Db } from "../../../db/open.ts";
import { pageVoteQueries } from "../../../db/queries/page/page-votes.ts";
import type { Clock } from "../../../lib/clock.ts";
import type { Progress } from "../../api.ts";
import { HOUR_MS } from "../../../lib/units.ts";

/** Votes of this period count as the pace, ms. */
const PACE_MS = 10 * 60_000;
/** Shorter periods count as this long, or one vote would be a pace, ms. */
const PACE_FROM_MS = 60_000;
/** Open comparisons are counted this often for everybody, ms: with 200,000 it takes 10 ms or more. In between, own votes are subtracted. */
const COUNT_EVERY_MS = 60_000;
/** Interval of the count for somebody who has nothing left, so that they see new work soon, ms. */
const COUNT_AGAIN_MS = 1_000;

interface Counted {
  readonly atMs: number;
  readonly left: number;
  readonly done: number;
}

/** Creates a function that counts how far a person is. */
export function createProgressCounter({ db, clock }: { readonly db: Db; readonly clock: Clock }): (annotatorId: number) => Progress {
  const votes = pageVoteQueries(db);
  const counted = new Map<number, Counted>();
  let open = { atMs: -Infinity, count: 0 };

  /** Returns the number of open comparisons, at most `maxAgeMs` old, also after the clock was set back. */
  function openNow(nowMs: number, maxAgeMs: number): number {
    if (Math.abs(nowMs - open.atMs) > maxAgeMs) open = { atMs: nowMs, count: votes.open() };
    return open.count;
  }

  return (annotatorId) => {
    const nowMs = clock.nowMs();
    const done = votes.count(annotatorId);
    let last = counted.get(annotatorId);
    if (last === undefined || Math.abs(nowMs - last.atMs) > COUNT_EVERY_MS || last.left === 0) {
      const maxAgeMs = last?.left === 0 ? COUNT_AGAIN_MS : COUNT_EVERY_MS;
      last = { atMs: nowMs, left: Math.max(0, openNow(nowMs, maxAgeMs) - votes.countAnsweredOpen(annotatorId)), done };
      counted.set(annotatorId, last);
    }
    const recent = votes.since(annotatorId, nowMs - PACE_MS);
    const elapsedMs = Math.max(PACE_FROM_MS, nowMs - (recent.firstMs ?? nowMs));
    return {
      done,
      left: Math.max(0, last.left - (done - last.done)),
      per_hour: Math.round((recent.votes * HOUR_MS) / elapsedMs),
    };
  };
}
