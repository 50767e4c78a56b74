import { checkHttpUrl } from "../../config/server-url.ts";
import type { ImageFilter } from "../../db/queries/images/excluded-images.ts";
import { ConfigError } from "../../errors.ts";
import { oneLine } from "../../lib/terminal/printable.ts";
import { shellWord } from "../command-hint.ts";
import type { InputOf } from "../registry.ts";
import { momentOf } from "./moment-of.ts";

/** A reason is shown in a line of `status`. */
const REASON_CHARS_MAX = 100;
/** What pruning writes: it means something else to linking. */
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
export function wantedOf({ args, options, clock }: Input): Wanted {
  const action = args[0] === "undo" ? "undo" : "exclude";
  const { reason = null, since = null, until = null, server = null, redo } = options;
  if (FILTERS.every((name) => options[name] === undefined) && (action === "exclude" || reason === null)) {
    throw new ConfigError(`Cannot ${action === "undo" ? "undo exclusions" : "exclude images"}: nothing says which`, {
      hint: `${FILTERS.map((name) => `--${name}`).join(", ")}${action === "undo" ? " or --reason" : ""}; together they narrow down`,
    });
  }
  if (redo && action === "undo") {
    throw new ConfigError("Cannot undo with --redo: one brings the old images back, the other makes new ones", { hint: "leave one out" });
  }
  const nowMs = clock.nowMs();
  const sinceMs = since === null ? null : momentOf("--since", since, { nowMs, afterMs: null });
  const untilMs = until === null ? null : momentOf("--until", until, { nowMs, afterMs: sinceMs });
  if (sinceMs !== null && untilMs !== null && sinceMs >= untilMs) {
    throw new ConfigError(`Cannot take the time from ${since} until ${until}: it ends before it begins`, {
      hint: "write days with them: 2026-11-24T22:00",
    });
  }
  return {
    action,
    reason: reasonOf(reason),
    redo,
    yes: options.yes,
    words: wordsOf(action, options),
    filter: {
      imageIds:
        options.image
          ?.split(",")
          .map((id) => id.trim())
          .filter((id) => id !== "") ?? null,
      prompt: options.prompt ?? null,
      variant: options.variant ?? null,
      server: server === null ? null : urlOf(server),
      sinceMs,
      untilMs,
      reason: action === "undo" ? reason : null,
    },
  };
}

function reasonOf(reason: string | null): string {
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
function urlOf(server: string): string {
  const checked = checkHttpUrl(server);
  return "url" in checked ? checked.url : server;
}

function wordsOf(action: Wanted["action"], options: Input["options"]): string {
  const flags = ([...FILTERS, "reason"] as const).flatMap((name) => {
    const value = options[name];
    return value === undefined ? [] : [`--${name} ${shellWord(value)}`];
  });
  const switches = options.redo ? ["--redo"] : [];
  return ["exclude", ...(action === "undo" ? ["undo"] : []), ...flags, ...switches, "--yes"].join(" ");
}
