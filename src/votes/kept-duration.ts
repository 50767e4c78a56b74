import { DAY_MS } from "../lib/units.ts";

/** A day; the CHECK of `votes.duration_ms` (migration 0008) refuses more. */
const DURATION_MAX_MS = DAY_MS;

/** Returns the time that a vote took, ms, as the database keeps it: null where it is unknown, or beyond a day, since a task that was left open says nothing. */
export function keptDurationMs(durationMs: number | null): number | null {
  return durationMs !== null && durationMs >= 0 && durationMs <= DURATION_MAX_MS ? durationMs : null;
}
