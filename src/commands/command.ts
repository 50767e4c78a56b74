import type { Log } from "../lib/log.ts";
import type { Clock } from "../lib/clock.ts";
import type { ResultEvent } from "./result-event.ts";

/** A flag as a user types it, in commander's notation. */
export interface OptionSpec {
  readonly flags: string;
  readonly description: string;
}

/** What a command gets from the command line. Values are strings or true, as typed; commands check them. */
export interface CommandInput {
  readonly args: readonly string[];
  readonly options: Readonly<Record<string, string | boolean | undefined>>;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Log;
  readonly clock: Clock;
  /** Writes a result to stdout: the text for people (null: nothing), with --json the event alone, so that every line there is one. */
  show(result: ResultEvent, text: string | null): void;
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
  /** First arguments with which it does so. */
  readonly servingActions?: readonly string[];
  /** Promised, but not there yet: takes any arguments, to say so. */
  readonly later?: true;
  readonly load: () => Promise<{ readonly run: RunCommand }>;
}
