import { link } from "../stages/annotate/link/link.ts";
import type { CommandResult } from "./command.ts";
import type { InputOf } from "./registry.ts";
import { reportLinked } from "./report-linked.ts";
import { stageResult } from "./stage-result.ts";
import { openStage } from "./open-stage.ts";

/** Chooses the chosen and rejected images of every prompt from votes and scores. */
export async function run(input: InputOf<"link">): Promise<CommandResult> {
  await using opened = await openStage(input, { locks: ["link"] });
  const linked = await link(opened.context);
  return stageResult(opened.context.db, input, {
    done: reportLinked(opened.context, linked),
    stopped: linked.stopped,
    pairSet: opened.context.config.export.pairs,
  });
}
