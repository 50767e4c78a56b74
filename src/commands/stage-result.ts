import type { Context } from "../context.ts";
import type { Db } from "../db/open.ts";
import { countLinked, type LinkedCounts } from "../db/queries/annotate/preferences.ts";
import { summarize, type Summary } from "../db/queries/overview/summary.ts";
import { listVariants } from "../db/queries/plan/variants.ts";
import { EXIT } from "../errors.ts";
import { counted } from "../lib/words.ts";
import type { CommandInput, CommandResult } from "./command.ts";
import { hintFor } from "./open-context.ts";

export interface Ending {
  /** One sentence about what the command did. */
  readonly done: string;
  /** True where work remains on purpose: --until, --prompts. */
  readonly stopped: boolean;
  /** Candidates left for this stage; default: those that are not stored yet. */
  readonly remaining?: number;
  /** Rows that the export wrote. */
  readonly rows?: number;
  readonly drops?: Readonly<Record<string, number>>;
  /** The pair set whose links are counted if nothing was exported. */
  readonly pairSet?: string;
}

/** Logs the state of the dataset. Exits with 3 if jobs failed, images were rejected or variants are paused. */
export function stageResult(db: Db, input: Pick<CommandInput, "log" | "options">, ending: Ending): CommandResult {
  const { done, stopped, pairSet } = ending;
  const linked = pairSet === undefined ? { rows: 0, drops: {} } : countLinked(db, pairSet);
  const { rows = linked.rows, drops = linked.drops } = ending;
  const summary = summarize(db);
  const { planned, pending, stored, rejected, failed } = summary;
  input.log.info(
    `${done}. Candidates: ${planned} planned = ${pending} pending + ${stored} stored + ${rejected} rejected + ${failed} failed`,
  );
  const { remaining = pending } = ending;
  if (stopped && remaining > 0)
    input.log.info(
      `Stopped: ${counted(remaining, "candidate")} ${remaining === 1 ? "remains" : "remain"}. Run the same command again to continue`,
    );
  const bad = rejected + failed;
  if (bad > 0) {
    const [status, retry] = ["status", "retry"].map(hintFor(input));
    input.log.warn(
      `${counted(bad, "candidate")} failed or ${bad === 1 ? "was" : "were"} rejected. See ${status}; ${retry} puts back what failed`,
    );
  }
  const paused = listVariants(db).filter(({ state }) => state === "paused");
  for (const { variant } of paused) {
    input.log.warn(`The variant "${variant}" is paused: ${hintFor(input)(`retry --variant ${JSON.stringify(variant)}`)} resumes it`);
  }
  return { exit: bad + paused.length > 0 ? EXIT.incomplete : EXIT.done, counts: { ...summary, rows, drops } };
}

/** Returns the numbers of the last event of --json, for every command that has a dataset. */
export function datasetCounts({ db, config }: Pick<Context, "db" | "config">): Summary & LinkedCounts {
  return { ...summarize(db), ...countLinked(db, config.export.pairs) };
}
