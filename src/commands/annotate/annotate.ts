import { ConfigError } from "../../errors.ts";
import { annotate } from "../../stages/annotate/annotate.ts";
import { nothingUpstream } from "../../stages/stage.ts";
import { refuseOptions } from "./refuse-options.ts";
import type { CommandResult } from "../command.ts";
import type { InputOf } from "../registry.ts";
import { incompleteExit } from "../judge/judge-outcome.ts";
import { openStage } from "../open-stage.ts";
import { stageResult } from "../stage-result.ts";
import { reportLinked } from "../report-linked.ts";

const ACTIONS = ["serve", "import", "export-tasks", "invite", "people", "revoke", "exclude", "forget"];

export async function run(input: InputOf<"annotate">): Promise<CommandResult> {
  const [action, file, ...more] = input.args;
  if ((action === "import" && more.length > 0) || ((action === "serve" || action === "export-tasks") && file !== undefined)) {
    const extra = action === "import" ? more : input.args.slice(1);
    throw new ConfigError(`Cannot annotate ${action}: ${extra.join(" ")} is one argument too many`, {
      hint: "pnpm pipeline annotate --help",
    });
  }
  if (action === undefined || ACTIONS.includes(action)) refuseOptions(action ?? "", input.options);
  if (action === "import") return (await import("./import-file.ts")).importFile(input, file);
  if (action === "export-tasks") return (await import("./export-tasks.ts")).writeTasks(input);
  if (action === "serve") return (await import("./serve.ts")).serve(input);
  if (action !== undefined) return (await import("./tell-people.ts")).tellPeople(input, action);
  await using opened = await openStage(input, { locks: ["judge", "link"] });
  const { inspected, judged, linked } = await annotate(opened.context, nothingUpstream);
  const result = stageResult(opened.context.db, input, {
    done: reportLinked(opened.context, linked),
    stopped: inspected.stopped || judged.stopped || linked.stopped,
    pairSet: opened.context.config.export.pairs,
  });
  return incompleteExit(result, judged);
}
