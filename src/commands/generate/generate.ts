import { jobQueries } from "../../db/queries/jobs/jobs.ts";
import { openContext } from "../open-context.ts";
import { counted } from "../../lib/words.ts";
import { generate } from "../../stages/generate/generate.ts";
import { nothingUpstream } from "../../stages/stage.ts";
import type { CommandResult } from "../command.ts";
import type { InputOf } from "../registry.ts";
import { readDeadline } from "../option-values.ts";
import { dryRun } from "./dry-run.ts";
import { updatePlan } from "../update-plan.ts";
import { stageResult } from "../stage-result.ts";

/** Brings the plan up to date and has the servers make every planned candidate. */
export async function run(input: InputOf<"generate">): Promise<CommandResult> {
  if (input.options.dryRun) return dryRun(input);
  const deadline = readDeadline(input);
  await using opened = await openContext(input, { locks: ["generate"], ...(deadline === undefined ? {} : { deadline }) });
  await updatePlan(opened.context, input);
  const report = await generate(opened.context, nothingUpstream);
  const left = jobQueries(opened.context.db).counts();
  return stageResult(opened.context.db, input, {
    done: `Generated ${counted(report.done, "candidate")}`,
    stopped: report.stopped,
    remaining: left.planned + left.submitted,
    pairSet: opened.context.config.export.pairs,
  });
}
