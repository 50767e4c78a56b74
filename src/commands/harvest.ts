import type { Context } from "../context.ts";
import { isLocked } from "../db/process-lock.ts";
import { jobQueries } from "../db/queries/jobs.ts";
import { counted } from "../lib/counted.ts";
import { harvest } from "../stages/harvest.ts";
import { nothingUpstream, type Upstream } from "../stages/stage.ts";
import type { CommandInput, CommandResult } from "./command.ts";
import { deadlineOf } from "./deadline.ts";
import { stageResult } from "./stage-result.ts";
import { openStage } from "./open-stage.ts";

/** Between two looks at what generate, in another process, has finished, ms. */
const FOLLOW_POLL_MS = 500;

export async function run(input: CommandInput): Promise<CommandResult> {
  const deadline = deadlineOf(input);
  await using opened = await openStage(input, { locks: ["harvest"], ...(deadline === undefined ? {} : { deadline }) });
  const { context } = opened;
  const report = await harvest(context, input.options["follow"] === true ? followGenerate(context) : nothingUpstream);
  return stageResult(context.db, input, {
    done: `Harvested ${counted(report.done, "image")}`,
    stopped: report.stopped,
    pairSet: context.config.export.pairs,
  });
}

/** More may come while generate runs in some process, or has left work that only a new generate can do. */
function followGenerate({ config, db, clock }: Pick<Context, "config" | "db" | "clock">): Upstream {
  const jobs = jobQueries(db);
  return {
    moreToCome: () => isLocked(config.dir, "generate") || jobs.anyOpen(),
    waitForWork: (signal) => clock.sleep(FOLLOW_POLL_MS, signal),
  };
}
