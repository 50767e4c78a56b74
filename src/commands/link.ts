import { openContext } from "../open-context.ts";
import { link } from "../stages/link.ts";
import type { CommandInput, CommandResult } from "./command.ts";
import { tellLinked } from "./tell-linked.ts";
import { stageResult } from "./stage-result.ts";

export async function run(input: CommandInput): Promise<CommandResult> {
  await using opened = await openContext(input, { locks: ["link"] });
  const linked = await link(opened.context);
  return stageResult(opened.context.db, input, { done: tellLinked(opened.context, linked), stopped: false });
}
