import { Command, CommanderError, Option } from "commander";
import type { CommandDeclaration, CommandResult, CommonOptions } from "./commands/command.ts";
import { loadCommand } from "./commands/load-command.ts";
import { type CommandName, COMMANDS } from "./commands/registry.ts";
import { ConfigError, EXIT, FatalError, InterruptedError, isAbort, messageOf, RejectError, TransientError } from "./errors.ts";
import { systemClock } from "./lib/clock.ts";
import { DEFAULT_CONFIG_FILE } from "./commands/command-hint.ts";
import { errnoOf, fileHint, fileProblem } from "./lib/files/file-problem.ts";
import { LOG_LEVELS } from "./lib/log.ts";
import { guardOutput, type OutputGuard } from "./lib/terminal/output-guard.ts";
import { onSignals } from "./lib/terminal/signals.ts";
import { stringifyExact } from "./lib/exact-json.ts";
import { createTerminalLog, type TerminalLog } from "./lib/terminal/terminal-log.ts";
import { programVersion } from "./program-version.ts";

const SETTLING =
  "Stopping: finishing what is in flight. Ctrl-C again stops at once. Nothing is lost either way: run the same command again to continue";

/** Errors of this machine that any file access may meet. They are no bug of the program. */
const SYSTEM_ERRORS: ReadonlySet<string> = new Set(["ENOSPC", "EDQUOT", "EACCES", "EPERM", "EROFS", "EMFILE", "ENFILE", "EIO", "ENOTDIR"]);

/** SQLite's errors for a disk, mount or file mode that stops it in the middle of the work. */
const DATABASE_ERRORS = /^SQLITE_(?:FULL|IOERR|READONLY|CANTOPEN|PERM|BUSY)/;

/** Runs the command that argv names, and sets the exit code of the process. */
export async function main(argv: readonly string[]): Promise<void> {
  const output = guardOutput(process);
  output.onLost(({ error, isClosed }) => {
    if (isClosed) return; // `… | head` has seen enough.
    openLog({ json: false }).error(`Cannot write to stdout: ${fileProblem(error)}\nTry: send the output elsewhere, or free space there`);
  });
  const program = buildProgram((name, command) => execute(name, command, output));
  try {
    await program.parseAsync([...argv], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // commander has printed its own message; --help and --version come here too, with exit code 0.
    const exit = error.exitCode === 0 ? EXIT.done : EXIT.usage;
    if (exit === EXIT.usage && argv.includes("--json")) openLog({ json: true }).event("done", { exit });
    process.exitCode = output.exitOf(exit);
  }
}

/** Builds the command line from the registry. `run` is called with the command that was typed. */
export function buildProgram(run: (name: CommandName, command: Command) => Promise<void>): Command {
  const program = new Command("pnpm pipeline")
    .description(
      "Turns prompts and headless ComfyUI servers into DPO preference datasets, in resumable runs.\nStages: generate → harvest → annotate → export; `run` does all four.",
    )
    .version(programVersion())
    .exitOverride()
    .showSuggestionAfterError()
    .showHelpAfterError("(add --help for what it takes)");
  for (const name of Object.keys(COMMANDS) as CommandName[]) {
    const spec: CommandDeclaration = COMMANDS[name];
    const command = program
      .command(name)
      .description(spec.summary)
      .option("-c, --config <file>", "configuration", DEFAULT_CONFIG_FILE)
      .option("--json", "events as NDJSON on stdout")
      .option("--quiet", "errors only")
      .addOption(new Option("--log-level <level>", "how much is logged").choices(LOG_LEVELS).default("info"))
      .addHelpText("after", `\nExample:\n  $ pnpm pipeline ${spec.example}`)
      .exitOverride();
    for (const arg of spec.args ?? []) command.argument(arg.name, arg.description);
    for (const [flags, description] of Object.entries(spec.options ?? {})) command.addOption(new Option(flags, description));
    // What comes later has arguments and options that nobody knows yet.
    if (spec.later === true) command.allowUnknownOption().allowExcessArguments();
    command.action(() => run(name, command));
  }
  return program;
}

async function execute(name: CommandName, command: Command, output: OutputGuard): Promise<void> {
  const spec: CommandDeclaration = COMMANDS[name];
  const options = readOptions(command);
  const { json } = options;
  const log = openLog(options);
  const serves = spec.serves === true || spec.servingActions?.includes(command.args[0] ?? "") === true;
  const signals = onSignals(process, log, { asks: spec.asks === true, message: serves ? "Stopping" : SETTLING });
  output.onLost(signals.stop);
  let result: CommandResult;
  try {
    const loaded = await loadCommand(name);
    result = await loaded.run({
      args: command.args,
      options,
      env: process.env,
      log,
      clock: systemClock,
      show({ event, ...fields }, text) {
        if (json) log.print(stringifyExact({ event, ...fields })); // A result is told however often it is the same.
        else if (text !== null) log.print(text);
      },
      stopping: signals.stopping,
      signal: signals.signal,
    });
    if (signals.stopping.aborted && !serves) result = { ...result, exit: EXIT.interrupted };
  } catch (error) {
    result = { exit: explain(error, { serves, log, stopping: signals.stopping }) };
  } finally {
    signals.dispose();
  }
  log.printRepeats();
  log.event("done", { exit: result.exit, ...result.counts });
  log.close();
  process.exitCode = output.exitOf(result.exit);
  // A command that has ended leaves nothing behind that must be waited for; a socket that some library keeps would hold the process.
  if (signals.signal.aborted) process.exit();
}

/** Returns what was typed. A flag that takes no value and was not typed is false. */
function readOptions(command: Command): CommonOptions & Readonly<Record<string, string | boolean | undefined>> {
  const flags = command.options.filter((option) => !option.required);
  return { ...Object.fromEntries(flags.map((option) => [option.attributeName(), false])), ...command.opts<CommonOptions>() };
}

/** Describes an error of this machine in words. Returns null for any other error. */
function systemProblem(error: unknown): string | null {
  if (SYSTEM_ERRORS.has(errnoOf(error) ?? "")) return `${fileProblem(error)} (${messageOf(error)})`;
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return DATABASE_ERRORS.test(code) ? `the database cannot be read or written: ${messageOf(error)} (${code})` : null;
}

function openLog({ json, quiet = false, logLevel = "info" }: Partial<CommonOptions> & Pick<CommonOptions, "json">): TerminalLog {
  return createTerminalLog({
    level: quiet ? "error" : logLevel,
    json,
    stderr: process.stderr,
    stdout: process.stdout,
    clock: systemClock,
  });
}

interface Explaining {
  readonly serves: boolean;
  readonly log: TerminalLog;
  readonly stopping: AbortSignal;
}

/** Prints the error and what to try. Returns the exit code. */
function explain(error: unknown, { serves, log, stopping }: Explaining): number {
  if (error instanceof InterruptedError || (stopping.aborted && isAbort(error))) {
    if (serves) return EXIT.done;
    log.error("Interrupted. Run the same command again to continue");
    return EXIT.interrupted;
  }
  if (error instanceof ConfigError || error instanceof FatalError || error instanceof TransientError || error instanceof RejectError) {
    log.error(error.hint === undefined ? error.message : `${error.message}\nTry: ${error.hint}`);
    log.event("error", { message: error.message, hint: error.hint ?? null });
    return error instanceof ConfigError ? EXIT.usage : EXIT.cannotGoOn;
  }
  const system = systemProblem(error);
  if (system !== null) {
    const hint = fileHint(error, "fix this on this machine, then run the same command again; nothing was lost");
    log.error(`Cannot continue: ${system}\nTry: ${hint}`);
    log.event("error", { message: `Cannot continue: ${system}`, hint });
    return EXIT.cannotGoOn;
  }
  log.error(`This is a bug in comfy-dpo: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  return EXIT.bug;
}
