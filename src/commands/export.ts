import { checkVersionName } from "../stages/export/versions.ts";
import type { CommandInput, CommandResult } from "./command.ts";
import { linkAndExport } from "./link-and-export.ts";
import { openStage } from "./open-stage.ts";

export async function run(input: CommandInput): Promise<CommandResult> {
  // Before anything is linked: a name that no version can have changes nothing.
  const as = typeof input.options["as"] === "string" ? { as: checkVersionName(input.options["as"]) } : {};
  await using opened = await openStage(input, { locks: ["link"] });
  return await linkAndExport(opened.context, input, { stopped: false, exports: true, ...as });
}
