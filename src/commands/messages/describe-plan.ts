import type { PlanCounts } from "../../db/queries/plan/plan-changes.ts";
import { counted } from "../../lib/words.ts";

/** What a plan adds, keeps and sets aside, in a person's words; parts of nothing are left out. */
export function describePlan(counts: PlanCounts, { promptsLimit }: { readonly promptsLimit: number | undefined }): readonly string[] {
  const { newPrompts, newJobs, keptJobs, backJobs, asideJobs, asidePrompts } = counts;
  const lines = [`${counted(newPrompts, "new prompt")}, ${counted(newJobs, "new candidate")}`];
  if (keptJobs > 0) lines.push(`${keptJobs} kept`);
  if (backJobs > 0) lines.push(`${backJobs} back that ${backJobs === 1 ? "was" : "were"} set aside`);
  if (asideJobs > 0) lines.push(`${asideJobs} set aside (nothing is deleted)`);
  if (asidePrompts > 0 && promptsLimit !== undefined) {
    lines.push(`--prompts ${promptsLimit} sets ${counted(asidePrompts, "prompt")} aside, until the next run without it`);
  }
  return lines;
}
