import type { Log } from "../lib/log.ts";
import type { Clock } from "../lib/clock.ts";

/** A flag as a user types it, in commander's notation. */
export interface OptionSpec {
  readonly flags: string;
  readonly description: string;
  /** Promised, but not there yet: hidden from the help, and said so where it is used. */
  readonly later?: true;
}

/** What a command gets from the command line. Values are strings or true, as typed; commands check them. */
export interface CommandInput {
  readonly args: readonly string[];
  readonly options: Readonly<Record<string, string | boolean | undefined>>;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Log;
  readonly clock: Clock;
  /** True with --json: results go out as events. */
  readonly json: boolean;
  /** Writes a command's result to stdout. */
  print(text: string): void;
  /** First Ctrl-C, SIGTERM. */
  readonly stopping: AbortSignal;
  /** Second Ctrl-C. */
  readonly signal: AbortSignal;
}

/** Numbers and the exit code for the last event of --json. */
export interface CommandResult {
  readonly exit: number;
  readonly counts?: Readonly<Record<string, number | Readonly<Record<string, number>>>>;
}

export type RunCommand = (input: CommandInput) => Promise<CommandResult>;

/** A command as data: help is made from it without loading the command. */
export interface CommandSpec {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** In commander's notation: `<file>`, `[url]`. */
  readonly args?: readonly { readonly name: string; readonly description: string }[];
  readonly options?: readonly OptionSpec[];
  readonly example: string;
  /** Reads answers from the keyboard. */
  readonly asks?: true;
  /** Shows or serves until it is stopped: Ctrl-C is its good end, there is no work to settle. */
  readonly serves?: true;
  /** Promised, but not there yet: takes any arguments, to say so. */
  readonly later?: true;
  readonly load: () => Promise<{ readonly run: RunCommand }>;
}
