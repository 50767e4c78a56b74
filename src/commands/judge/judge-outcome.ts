import type { CommandResult } from "../command.ts";
import { EXIT } from "../../errors.ts";
import type { Judge } from "../../judges/judge.ts";
import { counted } from "../../lib/words.ts";
import type { JudgeReport } from "../../stages/annotate/judge/judge.ts";

/**
 * The same end, but 3 where groups were left that only another run judges: a judge failed on them, was lost, or its max_requests was
 * reached.
 */
export function incompleteExit(result: CommandResult, judged: Pick<JudgeReport, "failed" | "spent" | "lost">): CommandResult {
  return result.exit === EXIT.done && isUnjudged(judged) ? { ...result, exit: EXIT.incomplete } : result;
}

/** True where a judge left groups without scores that it would have scored. */
export function isUnjudged({ failed, spent, lost }: Pick<JudgeReport, "failed" | "spent" | "lost">): boolean {
  return failed > 0 || spent.length > 0 || lost.length > 0;
}

/** Describes what judges used, for those that count it: `vlm: 12 requests, 3456 + 78 tokens`. */
export function describeUsage(judges: readonly Pick<Judge, "name" | "usage">[]): readonly string[] {
  return judges.flatMap(({ name, usage }) => {
    const used = usage?.();
    if (used === undefined || used.requests === 0) return [];
    const { requests, promptTokens, completionTokens } = used;
    const tokens = promptTokens + completionTokens === 0 ? "" : `, ${promptTokens} tokens asked and ${completionTokens} answered`;
    return [`${name}: ${counted(requests, "request")}${tokens}`];
  });
}
