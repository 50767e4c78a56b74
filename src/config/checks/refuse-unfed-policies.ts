import { ConfigError } from "../../errors.ts";
import { isJsonArray } from "../../lib/exact-json.ts";
import type { Config } from "../schema.ts";
import { valueAt } from "../path.ts";

/** Sets of pairs that want more than `best` says. */
interface Unfed {
  readonly set: string;
  readonly policy: string;
}

interface AskedOptions {
  /** True: people are about to be asked. False: only where the file says that they will be. */
  readonly asking: boolean;
}

/**
 * A vote for the best orders nothing below it, so that "the worst" and "the next" would be whichever has the lower id. Nobody should vote
 * for days before they learn of it.
 * @throws {ConfigError} for a pairs policy that `annotate.people.task` cannot feed.
 */
export function refuseUnfedPolicies(config: Config, { asking }: AskedOptions): void {
  const unfed = unfedPolicies(config).filter(({ set }) => asking || saysPeople(config, set));
  if (unfed.length === 0) return;
  const isLone = unfed.length === 1 && Object.keys(config.annotate.pairs).length === 1;
  const names = unfed.map(({ set, policy }) => `${isLone ? "annotate.pairs" : `annotate.pairs.${set}`} has policy: ${policy}`).join(", ");
  throw new ConfigError(
    `Cannot make these pairs of what people say: ${names}, and annotate.people.task is best, which orders nothing below the best`,
    { hint: "set annotate.people.task: pair, best-worst or rank; or policy: best-rest; or leave people out of from" },
  );
}

function unfedPolicies({ annotate: { people, pairs } }: Config): readonly Unfed[] {
  if (people.task !== "best") return [];
  return Object.entries(pairs).flatMap(([set, { from, policy }]) =>
    from.includes("people") && policy !== "best-rest" ? [{ set, policy }] : [],
  );
}

/** `from` has people in it by default: a file that never speaks of them leaves the pairs to its judges. */
function saysPeople({ written }: Config, set: string): boolean {
  const from = valueAt(written, ["annotate", "pairs", set, "from"]);
  if (isJsonArray(from)) return from.includes("people");
  return valueAt(written, ["annotate", "people"]) !== undefined;
}
