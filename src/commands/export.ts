import type { CommandInput, CommandResult } from "./command.ts";
import { linkAndExport } from "./link-and-export.ts";
import { openStage } from "./open-stage.ts";

export async function run(input: CommandInput): Promise<CommandResult> {
  await using opened = await openStage(input, { locks: ["link"] });
  const as = input.options["as"];
  return await linkAndExport(opened.context, input, { stopped: false, exports: true, ...(typeof as === "string" ? { as } : {}) });
}
