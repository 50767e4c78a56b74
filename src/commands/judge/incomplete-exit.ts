import { EXIT } from "../../errors.ts";
import type { JudgeReport } from "../../stages/annotate/judge/judge.ts";
import type { CommandResult } from "../command.ts";

/** The same end, but 3 where groups were left that only another run judges: a judge failed on them, was lost, or its max_requests was reached. */
export function incompleteExit(result: CommandResult, judged: Pick<JudgeReport, "failed" | "spent" | "lost">): CommandResult {
  return result.exit === EXIT.done && isUnjudged(judged) ? { ...result, exit: EXIT.incomplete } : result;
}

/** True where a judge left groups without scores that it would have scored. */
export function isUnjudged({ failed, spent, lost }: Pick<JudgeReport, "failed" | "spent" | "lost">): boolean {
  return failed > 0 || spent.length > 0 || lost.length > 0;
}
