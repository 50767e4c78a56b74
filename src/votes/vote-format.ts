import type { RawVote } from "./raw-vote.ts";
import { ConfigError } from "../errors.ts";

/** The reason why a record is neither a vote nor an error. Such records are counted and skipped. */
export type PassedOver = "draft" | "no-answer" | "no-label";

/** One place of a file that may hold a vote. */
export interface VoteCandidate {
  /** Position in the file, from 1, counted in the format's `unit`. */
  readonly position: number;
  /** Position in a JSON array, from 1, because the whole array may be one line. Null for other files. */
  readonly record: number | null;
  /** @throws {VoteError} for what is wrong there. */
  readonly read: () => RawVote | PassedOver;
}

/** The beginning of a file, by which its format is recognised. */
export interface FileHead {
  /** File extensions in lower case, without the dot and without `.gz`. */
  readonly extension: string;
  /** The keys of the first JSON object, or a table's columns; [] where there are none. */
  readonly keys: readonly string[];
  /** A JSON array around the objects. */
  readonly isArray: boolean;
  /** An array of nothing: an export without a task. */
  readonly isEmpty: boolean;
}

export interface ReadVotesOptions {
  /** Prefix of the vote_ids that are made from the tool's own ids, so that two projects of one tool do not collide. */
  readonly source: string;
  /** Our name of a column → the file's. */
  readonly columns: Readonly<Record<string, string>>;
  /** The configured criteria. */
  readonly criteria: readonly string[];
  readonly signal: AbortSignal | undefined;
}

/** Votes as one tool writes them. One file each under `formats/`, one line in the registry. */
export interface VoteFormat {
  readonly name: string;
  /** Short description for `--help` and errors. */
  readonly summary: string;
  /** Its columns may have other names (`--map`). */
  readonly hasColumns?: true;
  /** The unit that positions count: lines, records or rows. */
  unitOf(head: FileHead): "line" | "row";
  recognises(head: FileHead): boolean;
  /**
   * The votes of a file, streamed. @throws {ConfigError} for a file that cannot be read as this format.
   */
  candidates(file: string, head: FileHead, options: ReadVotesOptions): AsyncIterable<VoteCandidate>;
}

/** `Cannot read the votes FILE: …`. */
export function votesError(
  file: string,
  why: string,
  { hint = "see docs/votes.md", cause }: { readonly hint?: string; readonly cause?: unknown } = {},
): ConfigError {
  return new ConfigError(`Cannot read the votes ${file}: ${why}`, { hint, cause });
}

/** Tables are read by what reads prompts. */
export function asVotesError({ message, hint, cause }: ConfigError): ConfigError {
  return new ConfigError(message.replace("Cannot read the prompts", "Cannot read the votes"), {
    cause,
    ...(hint === undefined ? {} : { hint }),
  });
}
