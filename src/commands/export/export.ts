import { ConfigError } from "../../errors.ts";
import { checkVersionName } from "../../stages/export/versions/versions.ts";
import type { CommandResult } from "../command.ts";
import { isGiven } from "../option-values.ts";
import type { InputOf } from "../registry.ts";
import { linkAndExport } from "../run/link-and-export.ts";
import { openStage } from "../open-stage.ts";

/** Links, then exports the next version; or compares two versions. */
export async function run(input: InputOf<"export">): Promise<CommandResult> {
  const [action, ...names] = input.args;
  if (action !== undefined) return runAction(action, names, input);
  // Before anything is linked: a name that no version can have changes nothing.
  const { as, since, rows, croissant } = input.options;
  if (rows) throw new ConfigError("Cannot use --rows without diff: export diff A B --rows");
  const options = {
    croissant,
    ...(as === undefined ? {} : { as: checkVersionName(as) }),
    ...(since === undefined ? {} : { since: checkVersionName(since) }),
  };
  await using opened = await openStage(input, { locks: ["link"] });
  return await linkAndExport(opened.context, input, { stopped: false, exports: true, ...options });
}

async function runAction(action: string, names: readonly string[], input: InputOf<"export">): Promise<CommandResult> {
  if (action !== "diff") throw new ConfigError(`Cannot export ${action}: the only action is diff`, { hint: "export diff v1 v2" });
  const [before, after, ...more] = names;
  if (before === undefined || after === undefined || more.length > 0) {
    throw new ConfigError("Cannot compare: export diff takes two versions", { hint: "export diff v1 v2" });
  }
  for (const option of ["as", "since", "prompts", "croissant"] as const) {
    if (isGiven(input.options[option])) throw new ConfigError(`Cannot use --${option} with export diff: it writes nothing`);
  }
  const { diffExports } = await import("./diff-exports.ts");
  return diffExports([checkVersionName(before), checkVersionName(after)], input);
}
