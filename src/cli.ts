import { Command, CommanderError, Option } from "commander";
import type { CommandInput, CommandResult, CommandSpec } from "./commands/command.ts";
import { commands } from "./commands/registry.ts";
import { ConfigError, EXIT, FatalError, InterruptedError, RejectError, TransientError, isAbort } from "./errors.ts";
import { systemClock } from "./lib/clock.ts";
import { LOG_LEVELS, type Log, type LogLevel } from "./lib/log.ts";
import { createTerminalLog } from "./lib/terminal-log.ts";
import { onSignals } from "./lib/signals.ts";
import { programVersion } from "./program-version.ts";

const SETTLING = "Stopping: settling what is in flight. Ctrl-C again stops at once; nothing is lost either way, the same command continues";

/** argv → command → exit code. */
export async function main(argv: readonly string[]): Promise<void> {
  const program = buildProgram((spec, command) => execute(spec, command));
  try {
    await program.parseAsync([...argv], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // commander has printed its own message; --help and --version come here too, with exit code 0.
    process.exitCode = error.exitCode === 0 ? EXIT.done : EXIT.usage;
  }
}

function buildProgram(run: (spec: CommandSpec, command: Command) => Promise<void>): Command {
  const program = new Command("pnpm pipeline")
    .description(
      "Turns prompts and headless ComfyUI servers into DPO preference datasets, in resumable runs.\nStages: generate → harvest → annotate → export; `run` does all four.",
    )
    .version(programVersion())
    .exitOverride()
    .showSuggestionAfterError()
    .showHelpAfterError("(add --help for what it takes)");
  for (const spec of commands) {
    const command = program
      .command(spec.name)
      .description(spec.summary)
      .option("-c, --config <file>", "configuration", "configs/pipeline.yaml")
      .option("--json", "events as NDJSON on stdout")
      .option("--quiet", "errors only")
      .addOption(new Option("--log-level <level>", "how much is said").choices(LOG_LEVELS).default("info"))
      .addHelpText("after", `\nExample:\n  $ pnpm pipeline ${spec.example}`)
      .exitOverride();
    for (const arg of spec.args ?? []) command.argument(arg.name, arg.description);
    for (const { flags, description, later } of spec.options ?? [])
      command.addOption(new Option(flags, description).hideHelp(later === true));
    if (spec.later === true) command.allowUnknownOption().allowExcessArguments();
    command.action(() => run(spec, command));
  }
  return program;
}

async function execute(spec: CommandSpec, command: Command): Promise<void> {
  const options: CommandInput["options"] = command.opts();
  const json = options["json"] === true;
  const log = createTerminalLog({
    level: options["quiet"] === true ? "error" : levelOf(options["logLevel"]),
    json,
    stderr: process.stderr,
    stdout: process.stdout,
    clock: systemClock,
  });
  const signals = onSignals(process, log, { asks: spec.asks === true, message: spec.serves === true ? "Stopping" : SETTLING });
  let result: CommandResult;
  try {
    refuseLater(spec, options);
    const { run } = await spec.load();
    result = await run({
      args: command.args,
      options,
      env: process.env,
      log,
      clock: systemClock,
      json,
      print: (text) => log.print(text),
      stopping: signals.stopping,
      signal: signals.signal,
    });
    if (signals.stopping.aborted) result = { ...result, exit: EXIT.interrupted };
  } catch (error) {
    result = { exit: explain(error, { log, stopping: signals.stopping }) };
  } finally {
    signals.dispose();
  }
  log.event("done", { exit: result.exit, ...result.counts });
  log.close();
  process.exitCode = result.exit;
  // A command that has ended leaves nothing behind that must be waited for; a socket that some library keeps would hold the process.
  if (signals.signal.aborted) process.exit(result.exit);
}

/** @throws {ConfigError} for an option that is promised and not there yet. */
function refuseLater(spec: CommandSpec, options: CommandInput["options"]): void {
  for (const { flags } of (spec.options ?? []).filter((option) => option.later === true)) {
    if (options[new Option(flags).attributeName()] === undefined) continue;
    throw new ConfigError(`Cannot use ${flags} with ${spec.name}: it comes with a later version`);
  }
}

function levelOf(value: string | boolean | undefined): LogLevel {
  return LOG_LEVELS.find((level) => level === value) ?? "info";
}

/** Prints what a person can do about the error, and answers the exit code. */
function explain(error: unknown, { log, stopping }: { readonly log: Log; readonly stopping: AbortSignal }): number {
  if (error instanceof InterruptedError || (stopping.aborted && isAbort(error))) {
    log.error("Interrupted. The same command again continues");
    return EXIT.interrupted;
  }
  if (error instanceof ConfigError || error instanceof FatalError || error instanceof TransientError || error instanceof RejectError) {
    log.error(error.hint === undefined ? error.message : `${error.message}\nTry: ${error.hint}`);
    return error instanceof ConfigError ? EXIT.usage : EXIT.cannotGoOn;
  }
  log.error(`This is a bug in comfy-dpo: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  return EXIT.bug;
}
