import type { Command } from "commander";
import type { CommandSpec } from "./command.ts";

/** The first argument of a command line where it is an action that is promised and not there yet; undefined for all others. */
export function laterAction(
  { name, laterActions = [] }: Pick<CommandSpec, "name" | "laterActions">,
  { options }: Pick<Command, "options">,
  argv: readonly string[],
): string | undefined {
  if (argv[0] !== name) return undefined;
  let isValue = false;
  for (const word of argv.slice(1)) {
    if (isValue) isValue = false;
    else if (!word.startsWith("-")) return laterActions.find((action) => action === word);
    else isValue = options.some((option) => (option.short === word || option.long === word) && option.required);
  }
  return undefined;
}
