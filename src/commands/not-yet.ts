import { ConfigError } from "../errors.ts";
import type { CommandResult } from "./command.ts";

/** Commands whose name is promised and whose work is not there yet say so. */
export function run(): Promise<CommandResult> {
  return Promise.reject(
    new ConfigError("Cannot run this command: it comes with a later version", { hint: "pnpm pipeline --help lists what works today" }),
  );
}
