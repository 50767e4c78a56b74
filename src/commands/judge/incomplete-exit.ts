import { EXIT } from "../../errors.ts";
import type { JudgeReport } from "../../stages/judge.ts";
import type { CommandResult } from "../command.ts";

/** The same end, but 3 where groups were left that only another run judges: a judge failed on them, or its max_requests was reached. */
export function incompleteExit(result: CommandResult, { failed, spent }: Pick<JudgeReport, "failed" | "spent">): CommandResult {
  return result.exit === EXIT.done && (failed > 0 || spent.length > 0) ? { ...result, exit: EXIT.incomplete } : result;
}
