import { shellWord } from "../command-hint.ts";
import type { InputOf } from "../registry.ts";
import { checkHttpUrl } from "../../config/addresses.ts";
import type { ImageFilter } from "../../db/queries/images/excluded-images.ts";
import { ConfigError } from "../../errors.ts";
import { oneLine } from "../../lib/terminal/printable.ts";
import { DAY_MS } from "../../lib/units.ts";

/** A reason is shown in a line of `status`. */
const REASON_CHARS_MAX = 100;
/** The reason that pruning writes. Linking treats it differently. */
const PRUNED = "pruned";
const DEFAULT_REASON = "by hand";
const FILTERS = ["image", "prompt", "variant", "server", "since", "until"] as const;

export interface Wanted {
  readonly action: "exclude" | "undo";
  readonly filter: ImageFilter;
  /** Written beside what is excluded. */
  readonly reason: string;
  readonly redo: boolean;
  readonly yes: boolean;
  /** The command as it was given, for a hint. */
  readonly words: string;
}

type Input = Pick<InputOf<"exclude">, "args" | "options" | "clock">;

/** @throws {ConfigError} for options that say nothing, or two things. */
export function readOptions({ args, options, clock }: Input): Wanted {
  const action = args[0] === "undo" ? "undo" : "exclude";
  const { reason = null, since = null, until = null, server = null, redo } = options;
  if (FILTERS.every((name) => options[name] === undefined) && (action === "exclude" || reason === null)) {
    throw new ConfigError(`Cannot ${action === "undo" ? "undo exclusions" : "exclude images"}: no condition says which`, {
      hint: `${FILTERS.map((name) => `--${name}`).join(", ")}${action === "undo" ? " or --reason" : ""}; several of them narrow it down`,
    });
  }
  if (redo && action === "undo") {
    throw new ConfigError("Cannot undo with --redo: one brings the old images back, the other makes new ones", { hint: "leave one out" });
  }
  const nowMs = clock.nowMs();
  const sinceMs = since === null ? null : parseMoment("--since", since, { nowMs, afterMs: null });
  const untilMs = until === null ? null : parseMoment("--until", until, { nowMs, afterMs: sinceMs });
  if (sinceMs !== null && untilMs !== null && sinceMs >= untilMs) {
    throw new ConfigError(`Cannot take the time from ${since} until ${until}: it ends before it begins`, {
      hint: "write days with them: 2026-11-24T22:00",
    });
  }
  return {
    action,
    reason: checkReason(reason),
    redo,
    yes: options.yes,
    words: repeatCommand(action, options),
    filter: {
      imageIds:
        options.image
          ?.split(",")
          .map((id) => id.trim())
          .filter((id) => id !== "") ?? null,
      prompt: options.prompt ?? null,
      variant: options.variant ?? null,
      server: server === null ? null : normaliseUrl(server),
      sinceMs,
      untilMs,
      reason: action === "undo" ? reason : null,
    },
  };
}

function checkReason(reason: string | null): string {
  if (reason === null) return DEFAULT_REASON;
  const line = oneLine(reason, REASON_CHARS_MAX);
  if (line === "" || line !== reason || /\p{Cc}/u.test(reason) || line === PRUNED) {
    throw new ConfigError(`Cannot take the reason ${JSON.stringify(reason)}: expected one line of up to ${REASON_CHARS_MAX} characters`, {
      hint: line === PRUNED ? `another word than ${PRUNED}, which is what prune writes` : '--reason "gpu-2 was faulty"',
    });
  }
  return line;
}

/** As the database has it; sources of adopted images are no URLs of servers. */
function normaliseUrl(server: string): string {
  const checked = checkHttpUrl(server);
  return "url" in checked ? checked.url : server;
}

function repeatCommand(action: Wanted["action"], options: Input["options"]): string {
  const flags = ([...FILTERS, "reason"] as const).flatMap((name) => {
    const value = options[name];
    return value === undefined ? [] : [`--${name} ${shellWord(value)}`];
  });
  const switches = options.redo ? ["--redo"] : [];
  return ["exclude", ...(action === "undo" ? ["undo"] : []), ...flags, ...switches, "--yes"].join(" ");
}

const TIME = /^([01]?\d|2[0-3]):([0-5]\d)$/;
/** The part of ISO 8601 that JavaScript reads; without an offset it is local time. */
const DATE_TIME = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)(Z|[+-]\d{2}:\d{2})?)?$/;

interface MomentLimits {
  readonly nowMs: number;
  /** The begin of the period that this moment ends; null if it has none. */
  readonly afterMs: number | null;
}

/**
 * A moment in the past as a person writes it, ms since the epoch: `2026-11-25`, `2026-11-25T02:00`, with or without `Z` or an offset, or
 * `02:00`: the last time that the local clock showed it; where that is no later than `afterMs`, the next time after it, which may be to
 * come.
 * @throws {ConfigError} naming the option.
 */
export function parseMoment(option: "--since" | "--until", text: string, { nowMs, afterMs }: MomentLimits): number {
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
