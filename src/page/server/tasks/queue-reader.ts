import type { AssignmentQueries, QueuePlace } from "../../../db/queries/page/assignments.ts";
import type { Clock } from "../../../lib/clock.ts";

/** Rows of the queue read for one request, some 100 ms; so many only where somebody who had them all comes back. */
const SCAN_MAX = 50_000;
/** A look from the start is free where it is so short; else it comes once in so long, ms. */
const RESTART_FREE_ROWS = 1_000;
const RESTART_EVERY_MS = 60_000;

const QUEUE_START: QueuePlace = { answers: -1, criterionRank: -1, priority: -Infinity, comparison: -1 };

/**
 * Where a person's last look into the queue ended. What was passed by was theirs already, or others were at it: should those give it
 * back, a look from the start finds it.
 */
interface Standing {
  readonly epoch: number;
  /** When the looks began at the start. */
  readonly sinceMs: number;
  /** Rows read since then. */
  scanned: number;
  place: QueuePlace;
}

/** A comparison that somebody may get. */
export interface QueueCandidate {
  readonly comparison: number;
  readonly images: string;
}

interface Looking {
  readonly annotatorId: number;
  readonly count: number;
  /** Filled. */
  readonly found: QueueCandidate[];
}

export interface QueueNeeds {
  readonly assignments: Pick<AssignmentQueries, "queueAfter">;
  readonly clock: Clock;
  /** Rises when the queue may have got something in front of where somebody stands. */
  readonly epoch: () => number;
  /** How long what others are at may stay with them. */
  readonly leaseMs: number;
}

export interface QueueReader {
  /** The first `count` comparisons that a person has not had and that need a vote which nobody is at. */
  next(annotatorId: number, count: number): readonly QueueCandidate[];
}

/** Reads the queue of open comparisons for each person on from where they stand: nobody's look costs more as they do more. */
export function createQueueReader({ assignments, clock, epoch, leaseMs }: QueueNeeds): QueueReader {
  /** By annotator. Worth nothing after a restart, and found again. */
  const standings = new Map<number, Standing>();

  /** Reads on from where this person's last look ended, and from the start where that may have missed something. */
  function fromQueue(annotatorId: number, count: number): readonly QueueCandidate[] {
    const nowMs = clock.nowMs();
    const last = standings.get(annotatorId);
    const ageMs = Math.abs(nowMs - (last?.sinceMs ?? 0)); // The clock may have been set back.
    const isValid = last?.epoch === epoch() && ageMs < leaseMs;
    const found: QueueCandidate[] = [];
    if (isValid && !readOn(last, { annotatorId, count, found })) return found;
    const mayRestart = !isValid || last.scanned < RESTART_FREE_ROWS || ageMs > RESTART_EVERY_MS;
    if (!mayRestart) return found;
    const fresh = { epoch: epoch(), sinceMs: nowMs, scanned: 0, place: QUEUE_START };
    standings.set(annotatorId, fresh);
    readOn(fresh, { annotatorId, count, found });
    return found;
  }

  /** True where the queue's end was reached before `count` were found. */
  function readOn(standing: Standing, { annotatorId, count, found }: Looking): boolean {
    const before = new Set(found.map(({ comparison }) => comparison));
    const nowMs = clock.nowMs();
    const asking = { annotatorId, nowMs, leaseEndMs: nowMs + leaseMs };
    let scanned = 0;
    for (const { images, mine, room, ...place } of assignments.queueAfter(standing.place, asking)) {
      standing.place = place;
      standing.scanned++;
      if (mine === 0 && room > 0 && !before.has(place.comparison)) found.push({ comparison: place.comparison, images });
      if (found.length >= count || ++scanned >= SCAN_MAX) return false;
    }
    return true;
  }

  return { next: fromQueue };
}
