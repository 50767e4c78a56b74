import { summarize } from "../db/queries/summary.ts";
import type { Db } from "../db/open.ts";
import { EXIT } from "../errors.ts";
import type { CommandInput, CommandResult } from "./command.ts";

export interface Ending {
  /** What the command itself did, one sentence. */
  readonly done: string;
  /** True where work remains on purpose: --until, --prompts. */
  readonly stopped: boolean;
  readonly rows?: number;
  readonly drops?: Readonly<Record<string, number>>;
}

/** Says how the dataset stands, and answers 3 where jobs failed or images were rejected. */
export function stageResult(db: Db, input: Pick<CommandInput, "log">, { done, stopped, rows = 0, drops = {} }: Ending): CommandResult {
  const summary = summarize(db);
  const { planned, pending, stored, rejected, failed } = summary;
  input.log.info(
    `${done}. Candidates: ${planned} planned = ${pending} pending + ${stored} stored + ${rejected} rejected + ${failed} failed`,
  );
  if (stopped && pending > 0) input.log.info(`Stopped: ${pending} candidates remain. The same command again goes on`);
  const bad = rejected + failed;
  if (bad > 0) input.log.warn(`${bad} candidates failed or were rejected. See pnpm pipeline status; pnpm pipeline retry puts them back`);
  return { exit: bad > 0 ? EXIT.incomplete : EXIT.done, counts: { ...summary, rows, drops } };
}
