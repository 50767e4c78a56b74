import type { Log, LogLevel } from "../lib/log.ts";
import type { Clock } from "../lib/clock.ts";
import type { ResultEvent } from "./result-event.ts";

/** Flags in commander's notation (`--yes`, `--out <file>`), each with its description. A flag with a placeholder takes a value. */
type OptionTable = Readonly<Record<`--${string}`, string>>;

type NameOf<Flags> = Flags extends `--${infer Name} <${string}>`
  ? CamelCase<Name>
  : Flags extends `--${infer Name}`
    ? CamelCase<Name>
    : never;
type CamelCase<Name extends string> = Name extends `${infer Head}-${infer Tail}` ? `${Head}${Capitalize<CamelCase<Tail>>}` : Name;

/** The values of an OptionTable as typed, by their names in camel case. Commands check the text. */
export type OptionValues<Table> = {
  readonly [Flags in keyof Table as NameOf<Flags>]: Flags extends `${string} <${string}>` ? string | undefined : boolean;
};

/** Options of every command. */
export interface CommonOptions {
  /** The configuration file, as typed. */
  readonly config: string;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly logLevel: LogLevel;
}

/** The input of a command. `Options` are its own options; InputOf in registry.ts reads them from its declaration. */
export interface CommandInput<Options = unknown> {
  readonly args: readonly string[];
  readonly options: CommonOptions & Options;
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

/** A command as data: help and types are made from it without loading the command. */
export interface CommandDeclaration {
  /** One line for the list of commands. */
  readonly summary: string;
  /** In commander's notation: `<file>`, `[url]`. */
  readonly args?: readonly { readonly name: string; readonly description: string }[];
  readonly options?: OptionTable;
  readonly example: string;
  /** Reads answers from the keyboard. */
  readonly asks?: true;
  /** Shows or serves until it is stopped: Ctrl-C is its good end, there is no work to settle. */
  readonly serves?: true;
  /** First arguments with which it does so. */
  readonly servingActions?: readonly string[];
  /** Promised, but not there yet: takes any arguments, to say so. */
  readonly later?: true;
}
