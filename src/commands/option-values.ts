import type { DeadlineOptions } from "./registry.ts";
import { ConfigError } from "../errors.ts";
import type { Clock } from "../lib/clock.ts";
import { DAY_MS, MINUTE_MS } from "../lib/units.ts";

/** True for an option that was typed. */
export function isGiven(value: string | boolean | undefined): boolean {
  return value !== undefined && value !== false;
}

export interface Bounds {
  readonly from: number;
  /** Default: no bound but that of exact numbers. */
  readonly to?: number;
}

/** Reads the whole number of an option, undefined where the option was not typed. @throws {ConfigError} for anything else. */
export function readWholeNumber(
  flag: `--${string}`,
  value: string | undefined,
  { from, to = Number.MAX_SAFE_INTEGER }: Bounds,
): number | undefined {
  if (value === undefined) return undefined;
  const number = Number(value);
  if (Number.isSafeInteger(number) && number >= from && number <= to) return number;
  const upTo = to === Number.MAX_SAFE_INTEGER ? "" : ` to ${to}`;
  throw new ConfigError(`Cannot read ${flag} ${value}: expected a whole number from ${from}${upTo}`);
}

const UNITS_MS: Readonly<Record<string, number>> = { s: 1_000, m: MINUTE_MS, h: 60 * MINUTE_MS, d: DAY_MS };

/** The longest that Node's timers wait, ms: they count in 32 bits, and what is longer fires at once. */
const TIMER_MAX_MS = 2 ** 31 - 1;

interface Timed {
  readonly options: DeadlineOptions;
  readonly clock: Clock;
}

/** A signal that fires at --until or after --for, undefined where neither is given. The timer keeps no process alive. */
export function readDeadline({ options, clock }: Timed): AbortSignal | undefined {
  const waits = [untilMs(options.until, clock), forMs(options.for)].filter((ms) => ms !== null);
  if (waits.length === 0) return undefined;
  const deadline = new AbortController();
  const endMs = clock.nowMs() + Math.min(...waits);
  const wait = (): void => {
    const leftMs = endMs - clock.nowMs();
    if (leftMs <= 0) deadline.abort();
    else setTimeout(wait, Math.min(leftMs, TIMER_MAX_MS)).unref();
  };
  wait();
  return deadline.signal;
}

/** Milliseconds until the next time that the local clock shows `hh:mm`. */
function untilMs(value: string | undefined, clock: Clock): number | null {
  if (value === undefined) return null;
  const match = /^([01]?\d|2[0-3]):([0-5]\d)$/.exec(value);
  if (match === null) throw new ConfigError(`Cannot read --until ${value}: expected a time of day`, { hint: "--until 08:00" });
  const now = new Date(clock.nowMs());
  const at = new Date(now);
  at.setHours(Number(match[1]), Number(match[2]), 0, 0);
  const waitMs = at.getTime() - now.getTime();
  return waitMs > 0 ? waitMs : waitMs + DAY_MS;
}

function forMs(value: string | undefined): number | null {
  if (value === undefined) return null;
  const match = /^(\d+(?:\.\d+)?)(s|m|h|d)$/.exec(value);
  const unitMs = UNITS_MS[match?.[2] ?? ""];
  if (match === null || unitMs === undefined) {
    throw new ConfigError(`Cannot read --for ${value}: expected a number with s, m, h or d`, { hint: "--for 10h, --for 90m" });
  }
  return Number(match[1]) * unitMs;
}
