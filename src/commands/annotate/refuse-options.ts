import { ConfigError } from "../../errors.ts";
import { isGiven } from "../option-values.ts";
import type { OptionsOf } from "../registry.ts";

/** Options that only some of annotate's actions take, by the names that commander gives them. */
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

/** Refuses what the action would not look at: an option that does nothing is a mistake that nobody sees. "" is annotate itself. */
export function refuseOptions(action: string, options: Partial<OptionsOf<"annotate">>): void {
  for (const name of Object.keys(ACTIONS_OF) as (keyof OptionsOf<"annotate">)[]) {
    const actions = ACTIONS_OF[name];
    if (!isGiven(options[name]) || actions.includes(action)) continue;
    const flag = `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    const command = (one: string): string => (one === "" ? "annotate" : `annotate ${one}`);
    const hint =
      name === "prompts" && action === "serve"
        ? "annotate.people.prompts: N shows people the first N prompts"
        : `it belongs to ${actions.map(command).join(" and ")}`;
    throw new ConfigError(`Cannot use ${flag} with ${command(action)}`, { hint });
  }
}
