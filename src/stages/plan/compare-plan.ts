import type { Db } from "../../db/open.ts";
import { planChanges, type PlanCounts } from "../../db/queries/plan/plan-changes.ts";
import { planQueries, type PlannedJob } from "../../db/queries/plan/plan.ts";
import type { PromptRow } from "../../prompts/read-prompts.ts";
import { ConfigError } from "../../errors.ts";

/** Says what planning would change in an existing dataset. It only reads. */
export interface PlanComparison {
  /** A prompt that the plan wants, in the order of the file. @throws {ConfigError} as planning would. */
  see(row: PromptRow, jobs: readonly PlannedJob[]): void;
  /** Once all were seen. */
  counts(): PlanCounts;
}

export function comparePlan(db: Db): PlanComparison {
  const plan = planQueries(db);
  const changes = planChanges(db);
  const before = changes.countWanted();
  const seen = { newPrompts: 0, keptPrompts: 0, newJobs: 0, keptJobs: 0, backJobs: 0 };
  return {
    see(row, jobs) {
      refuseOtherText(plan, row);
      const isActive = changes.isPromptActive(row.promptKey);
      if (isActive === undefined) seen.newPrompts++;
      else if (isActive) seen.keptPrompts++;
      for (const { job } of jobs) {
        const inactive = changes.inactiveOf(job);
        if (inactive === undefined) seen.newJobs++;
        else if (inactive === 1) seen.backJobs++;
        else seen.keptJobs++;
      }
    },
    counts: () => ({ ...seen, inactiveJobs: before.jobs - seen.keptJobs, inactivePrompts: before.prompts - seen.keptPrompts }),
  };
}

/** @throws {ConfigError} where some server was given another text for the prompt: its images would not fit the new one. */
export function refuseOtherText(plan: Pick<ReturnType<typeof planQueries>, "isSentOtherwise">, row: PromptRow): void {
  if (!plan.isSentOtherwise(row.promptKey, row.sent)) return;
  throw new ConfigError(
    `Cannot change the text sent to the model for the prompt ${JSON.stringify(row.prompt.slice(0, 80))}: images were made from another text`,
    { hint: "put prompts.template and prompts.send back, or start a new dataset under another name" },
  );
}
