import { logConfigChanges } from "./config-changes.ts";
import { readWholeNumber } from "./option-values.ts";
import type { PromptsOption } from "./registry.ts";
import type { Context } from "../context.ts";
import { findDataset } from "../db/queries/overview/dataset.ts";
import type { PlanCounts } from "../db/queries/plan/plan-changes.ts";
import { counted } from "../lib/words.ts";
import { planDataset } from "../stages/plan/plan-dataset.ts";
import { askServers } from "../stages/plan/check-plan.ts";

/** Brings the plan up to date and says what changed, in a person's words. */
export async function updatePlan(
  context: Pick<Context, "config" | "db" | "clock" | "log" | "signal">,
  input: { readonly options: PromptsOption },
): Promise<void> {
  const promptsLimit = readPromptsLimit(input);
  logConfigChanges({ ...context, dataset: findDataset(context.db) }, { plans: true });
  const plan = await planDataset(context, {
    servers: await askServers(context.config, context.signal),
    ...(promptsLimit === undefined ? {} : { promptsLimit }),
  });
  if (!plan.changed) return;
  const lines = [...describePlan(plan, { promptsLimit: plan.isCut ? promptsLimit : undefined })];
  if (plan.duplicates > 0)
    lines.push(
      `${counted(plan.duplicates, "row")} of the file ${plan.duplicates === 1 ? "repeats a prompt" : "repeat prompts"}, made once`,
    );
  if (plan.newVariants.length > 0) lines.push(`new variants: ${plan.newVariants.join(", ")}`);
  if (plan.inactiveVariants.length > 0) lines.push(`variants set aside, images kept: ${plan.inactiveVariants.join(", ")}`);
  context.log.info(`Planned: ${lines.join("; ")}`);
  const { newPrompts, newJobs, keptJobs, backJobs, inactiveJobs, inactivePrompts } = plan;
  context.log.event("planned", {
    new_prompts: newPrompts,
    new: newJobs,
    kept: keptJobs,
    back: backJobs,
    aside: inactiveJobs,
    aside_prompts: inactivePrompts,
  });
}

/** Reads --prompts. @throws {ConfigError} if it is no whole number from 1. */
export function readPromptsLimit({ options }: { readonly options: PromptsOption }): number | undefined {
  return readWholeNumber("--prompts", options.prompts, { from: 1 });
}

/** Describes what a plan adds, keeps and sets aside. Leaves out parts that are zero. */
export function describePlan(counts: PlanCounts, { promptsLimit }: { readonly promptsLimit: number | undefined }): readonly string[] {
  const { newPrompts, newJobs, keptJobs, backJobs, inactiveJobs, inactivePrompts } = counts;
  const lines = [`${counted(newPrompts, "new prompt")}, ${counted(newJobs, "new candidate")}`];
  if (keptJobs > 0) lines.push(`${keptJobs} kept`);
  if (backJobs > 0) lines.push(`${backJobs} back that ${backJobs === 1 ? "was" : "were"} set aside`);
  if (inactiveJobs > 0) lines.push(`${inactiveJobs} set aside (nothing is deleted)`);
  if (inactivePrompts > 0 && promptsLimit !== undefined) {
    lines.push(`--prompts ${promptsLimit} sets ${counted(inactivePrompts, "prompt")} aside, until the next run without it`);
  }
  return lines;
}
