import { counted } from "../../lib/words.ts";
import { inspect } from "../../stages/annotate/inspect.ts";
import { judge } from "../../stages/annotate/judge/judge.ts";
import { nothingUpstream } from "../../stages/stage.ts";
import type { CommandResult } from "../command.ts";
import type { InputOf } from "../registry.ts";
import { describeUsage, incompleteExit } from "./judge-outcome.ts";
import { dryRun } from "./dry-run.ts";
import { openStage } from "../open-stage.ts";
import { stageResult } from "../stage-result.ts";

/** Inspects stored images and has the judges score every finished group. */
export async function run(input: InputOf<"judge">): Promise<CommandResult> {
  if (input.options.dryRun) return dryRun(input);
  await using opened = await openStage(input, { locks: ["judge"] });
  const { context } = opened;
  const inspected = await inspect(context, nothingUpstream);
  const judged = await judge(context, nothingUpstream);
  const done = [
    `Looked at ${counted(inspected.done, "image")} and scored ${counted(judged.done, "group")}`,
    ...(judged.failed > 0 ? [`${counted(judged.failed, "group")} could not be judged in this run`] : []),
    ...describeUsage(context.judges),
  ].join("; ");
  const result = stageResult(context.db, input, {
    done,
    stopped: inspected.stopped || judged.stopped,
    pairSet: context.config.export.pairs,
  });
  return incompleteExit(result, judged);
}
