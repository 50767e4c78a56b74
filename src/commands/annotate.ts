import { ConfigError } from "../errors.ts";
import { hintFor } from "../open-context.ts";
import { annotate } from "../stages/annotate.ts";
import { nothingUpstream } from "../stages/stage.ts";
import { refuseOptions } from "./annotate/refuse-options.ts";
import type { CommandInput, CommandResult } from "./command.ts";
import { openStage } from "./open-stage.ts";
import { stageResult } from "./stage-result.ts";
import { tellLinked } from "./tell-linked.ts";

const ACTIONS = ["import", "export-tasks"];

export async function run(input: CommandInput): Promise<CommandResult> {
  const [action, file] = input.args;
  if (action === undefined || ACTIONS.includes(action)) refuseOptions(action ?? "", input.options);
  if (action === "import") return (await import("./annotate/import-file.ts")).importFile(input, file);
  if (action === "export-tasks") return (await import("./annotate/export-tasks.ts")).writeTasks(input);
  if (action !== undefined) {
    const hint = hintFor(input);
    throw new ConfigError(`Cannot annotate ${action}: no such action`, {
      hint: `${hint("annotate")}, ${hint("annotate import FILE")}, or ${hint("annotate export-tasks")}`,
    });
  }
  await using opened = await openStage(input, { locks: ["judge", "link"] });
  const { inspected, judged, linked } = await annotate(opened.context, nothingUpstream);
  return stageResult(opened.context.db, input, {
    done: tellLinked(opened.context, linked),
    stopped: inspected.stopped || judged.stopped || linked.stopped,
    pairSet: opened.context.config.export.pairs,
  });
}
