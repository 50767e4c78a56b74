import { ConfigError } from "../../errors.ts";

const DAY_MS = 24 * 3_600_000;
const TIME = /^([01]?\d|2[0-3]):([0-5]\d)$/;
/** The part of ISO 8601 that JavaScript reads; without an offset it is local time. */
const DATE_TIME = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)(Z|[+-]\d{2}:\d{2})?)?$/;

export interface MomentLimits {
  readonly nowMs: number;
  /** Where the time begins that this is the end of; null: it has no beginning. */
  readonly afterMs: number | null;
}

/**
 * A moment in the past as a person writes it, ms since the epoch: `2026-11-25`, `2026-11-25T02:00`, with or without `Z` or an offset, or
 * `02:00`: the last time that the local clock showed it; where that is no later than `afterMs`, the next time after it, which may be to come.
 * @throws {ConfigError} naming the option.
 */
export function momentOf(option: "--since" | "--until", text: string, { nowMs, afterMs }: MomentLimits): number {
  const time = TIME.exec(text);
  if (time !== null) {
    const at = new Date(nowMs);
    at.setHours(Number(time[1]), Number(time[2]), 0, 0);
    // By days, not by 24 h: clocks change twice a year.
    if (at.getTime() > nowMs) at.setDate(at.getDate() - 1);
    if (afterMs !== null && at.getTime() <= afterMs) at.setDate(at.getDate() + 1);
    return at.getTime();
  }
  const [, day = "", clock = "00:00", offset = ""] = DATE_TIME.exec(text) ?? [];
  const momentMs = Date.parse(`${day}T${clock}${offset}`);
  // JavaScript takes the 31st of February for the 3rd of March.
  if (Number.isNaN(momentMs) || new Date(Date.parse(day)).getUTCDate() !== Number(day.slice(-2))) {
    const example = new Date(nowMs - DAY_MS).toISOString().slice(0, 10);
    throw new ConfigError(`Cannot read ${option} ${text}: expected a moment in the past`, {
      hint: `${option} 02:00 (the last time it was), ${example}T02:00 (local time), ${example}T02:00Z`,
    });
  }
  return momentMs;
}
