import { ConfigError } from "../errors.ts";
import type { CommandInput, CommandResult } from "./command.ts";
import type { CommandName, InputOf } from "./registry.ts";

type Modules = { readonly [Name in CommandName]: () => Promise<{ run(input: InputOf<Name>): Promise<CommandResult> }> };

/** The module of every command. Each is loaded when it is run: help and a mistyped command load none. */
const MODULES: Modules = {
  run: () => import("./run/run.ts"),
  generate: () => import("./generate/generate.ts"),
  harvest: () => import("./harvest/harvest.ts"),
  judge: () => import("./judge/judge.ts"),
  link: () => import("./link.ts"),
  annotate: () => import("./annotate/annotate.ts"),
  export: () => import("./export/export.ts"),
  status: () => import("./status/status.ts"),
  report: () => import("./report/report.ts"),
  check: () => import("./check/check.ts"),
  init: () => import("./init/init.ts"),
  retry: () => import("./retry.ts"),
  exclude: () => import("./exclude/exclude.ts"),
  verify: () => import("./verify/verify.ts"),
  servers: () => import("./servers/servers.ts"),
  demo: () => import("./demo.ts"),
  emulate: () => import("./emulate.ts"),
  prune: () => import("./prune.ts"),
  lifecycle: () => import("./lifecycle.ts"),
  push: () => import("./push.ts"),
  worker: () => Promise.resolve({ run: refuseLater }),
};

/** A command as the command line runs it: with the options that its declaration makes of what was typed. */
interface LoadedCommand {
  run(input: CommandInput<Readonly<Record<string, string | boolean | undefined>>>): Promise<CommandResult>;
}

/** Refuses a command whose name is promised and whose work is not there yet. */
function refuseLater(): Promise<CommandResult> {
  const hint = "pnpm pipeline --help lists what works today";
  return Promise.reject(new ConfigError("Cannot run this command: it comes with a later version", { hint }));
}

/** Loads the module of a command. */
export function loadCommand(name: CommandName): Promise<LoadedCommand> {
  return MODULES[name]();
}
