import { ConfigError } from "../../errors.ts";
import { annotate } from "../../stages/annotate/annotate.ts";
import { nothingUpstream } from "../../stages/stage.ts";
import type { CommandResult } from "../command.ts";
import type { InputOf, OptionsOf } from "../registry.ts";
import { incompleteExit } from "../judge/judge-outcome.ts";
import { openStage } from "../open-stage.ts";
import { stageResult } from "../stage-result.ts";
import { reportLinked } from "../report-linked.ts";
import { isGiven } from "../option-values.ts";

const ACTIONS = ["serve", "import", "export-tasks", "invite", "people", "revoke", "exclude", "forget"];

/** Runs `annotate`, or one of its actions. */
export async function run(input: InputOf<"annotate">): Promise<CommandResult> {
  const [action, file, ...more] = input.args;
  if ((action === "import" && more.length > 0) || ((action === "serve" || action === "export-tasks") && file !== undefined)) {
    const extra = action === "import" ? more : input.args.slice(1);
    throw new ConfigError(`Cannot annotate ${action}: too many arguments: ${extra.join(" ")}`, {
      hint: "pnpm pipeline annotate --help",
    });
  }
  if (action === undefined || ACTIONS.includes(action)) refuseOptions(action ?? "", input.options);
  if (action === "import") return (await import("./import-file.ts")).importFile(input, file);
  if (action === "export-tasks") return (await import("./export-tasks.ts")).writeTasks(input);
  if (action === "serve") return (await import("./serve.ts")).serve(input);
  if (action !== undefined) return (await import("./annotator-commands.ts")).runAnnotatorCommand(input, action);
  await using opened = await openStage(input, { locks: ["judge", "link"] });
  const { inspected, judged, linked } = await annotate(opened.context, nothingUpstream);
  const result = stageResult(opened.context.db, input, {
    done: reportLinked(opened.context, linked),
    stopped: inspected.stopped || judged.stopped || linked.stopped,
    pairSet: opened.context.config.export.pairs,
  });
  return incompleteExit(result, judged);
}

/** The actions that take each option; "" is `annotate` without an action. Options by the names that commander gives them. */
const ACTIONS_OF: Readonly<Record<keyof OptionsOf<"annotate">, readonly string[]>> = {
  prompts: ["", "export-tasks"],
  host: ["serve"],
  port: ["serve"],
  insecure: ["serve"],
  undo: ["exclude"],
  skipBad: ["import"],
  format: ["import", "export-tasks"],
  source: ["import"],
  map: ["import"],
  task: ["export-tasks"],
  out: ["export-tasks"],
  uriBase: ["export-tasks"],
};

/**
 * Refuses options that the action does not use: nobody would notice that they do nothing.
 * @param action "" is `annotate` without an action.
 * @throws {ConfigError} naming the actions that use the option.
 */
export function refuseOptions(action: string, options: Partial<OptionsOf<"annotate">>): void {
  for (const name of Object.keys(ACTIONS_OF) as (keyof OptionsOf<"annotate">)[]) {
    const actions = ACTIONS_OF[name];
    if (!isGiven(options[name]) || actions.includes(action)) continue;
    const flag = `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    const command = (one: string): string => (one === "" ? "annotate" : `annotate ${one}`);
    const hint =
      name === "prompts" && action === "serve"
        ? "annotate.people.prompts: N shows people the first N prompts"
        : `only ${actions.map(command).join(" and ")} ${actions.length === 1 ? "uses" : "use"} it`;
    throw new ConfigError(`Cannot use ${flag} with ${command(action)}`, { hint });
  }
}
