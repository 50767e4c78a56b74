import { counted } from "../lib/counted.ts";
import { inspect } from "../stages/inspect.ts";
import { judge } from "../stages/judge.ts";
import { nothingUpstream } from "../stages/stage.ts";
import type { CommandInput, CommandResult } from "./command.ts";
import { stageResult } from "./stage-result.ts";
import { openStage } from "./open-stage.ts";

export async function run(input: CommandInput): Promise<CommandResult> {
  await using opened = await openStage(input, { locks: ["judge"] });
  const inspected = await inspect(opened.context, nothingUpstream);
  const judged = await judge(opened.context, nothingUpstream);
  const done = `Looked at ${counted(inspected.done, "image")} and scored ${counted(judged.done, "group")}`;
  return stageResult(opened.context.db, input, {
    done,
    stopped: inspected.stopped || judged.stopped,
    pairSet: opened.context.config.export.pairs,
  });
}
