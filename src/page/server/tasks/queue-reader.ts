import type { AssignmentQueries, QueuePlace } from "../../../db/queries/page/assignments.ts";
import type { Clock } from "../../../lib/clock.ts";

/** Most rows of the queue read for one request, about 100 ms. Only somebody who has answered almost everything reads that many. */
const SCAN_MAX = 50_000;
/** Reading from the start again is free if no more than these rows were read. Otherwise it happens once in RESTART_EVERY_MS. */
const RESTART_FREE_ROWS = 1_000;
const RESTART_EVERY_MS = 60_000;

const QUEUE_START: QueuePlace = { answers: -1, criterionRank: -1, priority: -Infinity, comparison: -1 };

/**
 * The position up to which a person has read the queue. Rows before it were already theirs, or other people had them. If those give them
 * back, reading from the start finds them.
 */
interface ReadPosition {
  readonly epoch: number;
  /** When this person last started from the beginning. */
  readonly sinceMs: number;
  /** Rows read since then. */
  scanned: number;
  place: QueuePlace;
}

/** A comparison that a person may be given. */
export interface QueueCandidate {
  readonly comparison: number;
  readonly images: string;
}

interface Search {
  readonly annotatorId: number;
  readonly count: number;
  /** The caller's list, which is appended to. */
  readonly found: QueueCandidate[];
}

export interface QueueNeeds {
  readonly assignments: Pick<AssignmentQueries, "queueAfter">;
  readonly clock: Clock;
  /** Increases when the queue may have new rows in front of where somebody reads. */
  readonly epoch: () => number;
  /** Duration of a lease, ms. */
  readonly leaseMs: number;
}

export interface QueueReader {
  /** Returns the first `count` comparisons that a person has not had and that need a vote nobody else is working on. */
  next(annotatorId: number, count: number): readonly QueueCandidate[];
}

/**
 * Creates a reader of the queue of open comparisons. For each person it continues where they stopped, so a request never costs more the
 * more they have answered.
 */
export function createQueueReader({ assignments, clock, epoch, leaseMs }: QueueNeeds): QueueReader {
  /** By annotator. Lost at a restart, which costs one read from the start. */
  const positions = new Map<number, ReadPosition>();

  /** Continues where this person stopped, and starts again where that may have missed something. */
  function next(annotatorId: number, count: number): readonly QueueCandidate[] {
    const nowMs = clock.nowMs();
    const last = positions.get(annotatorId);
    const ageMs = Math.abs(nowMs - (last?.sinceMs ?? 0)); // The clock may have been set back.
    const isValid = last?.epoch === epoch() && ageMs < leaseMs;
    const found: QueueCandidate[] = [];
    if (isValid && !readOn(last, { annotatorId, count, found })) return found;
    const mayRestart = !isValid || last.scanned < RESTART_FREE_ROWS || ageMs > RESTART_EVERY_MS;
    if (!mayRestart) return found;
    const fresh = { epoch: epoch(), sinceMs: nowMs, scanned: 0, place: QUEUE_START };
    positions.set(annotatorId, fresh);
    readOn(fresh, { annotatorId, count, found });
    return found;
  }

  /** Returns true if the end of the queue was reached before `count` were found. */
  function readOn(position: ReadPosition, { annotatorId, count, found }: Search): boolean {
    const before = new Set(found.map(({ comparison }) => comparison));
    const nowMs = clock.nowMs();
    const asking = { annotatorId, nowMs, leaseEndMs: nowMs + leaseMs };
    let scanned = 0;
    for (const { images, mine, room, ...place } of assignments.queueAfter(position.place, asking)) {
      position.place = place;
      position.scanned++;
      if (mine === 0 && room > 0 && !before.has(place.comparison)) found.push({ comparison: place.comparison, images });
      if (found.length >= count || ++scanned >= SCAN_MAX) return false;
    }
    return true;
  }

  return { next };
}
