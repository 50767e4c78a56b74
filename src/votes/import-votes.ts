import type { Config } from "../config/schema.ts";
import { stageVotes, voteQueries, type VoteRow } from "../db/queries/annotate/votes.ts";
import type { Db } from "../db/open.ts";
import { ConfigError } from "../errors.ts";
import { canonicalJson } from "../lib/exact-json.ts";
import { readHead } from "./formats/read-head.ts";
import { voteFormatOf } from "./formats/registry.ts";
import { VoteError, type VoteProblem } from "./raw-vote.ts";
import { resolveVote } from "./resolve-vote.ts";
import type { PassedOver } from "./vote-format.ts";

/** Votes staged in one transaction. */
const BATCH = 1_000;
/** Problems told in full; the rest is counted. */
const PROBLEMS_TOLD = 20;

export interface ImportVotesDeps {
  readonly db: Db;
  readonly config: { readonly annotate: Pick<Config["annotate"], "criteria"> };
  /** Imports the good lines of a file that has bad ones. */
  readonly skipBad?: boolean;
  /** A format's name; null or absent: recognised. */
  readonly format?: string | null;
  /** Stands before a tool's ids in ours; default: the format's name. */
  readonly source?: string;
  /** Our name of a column → the file's. */
  readonly columns?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

export interface ImportVotesResult {
  readonly format: string;
  /** The unit that positions count: lines, records or rows. */
  readonly unit: "line" | "row";
  /** New votes. 0 where there are problems and `skipBad` is not set: nothing is imported then. */
  readonly imported: number;
  /** Votes that were there already, with the same content. */
  readonly already: number;
  /** Counts of records that are neither votes nor errors, for example drafts. Keyed by reason. */
  readonly passedOver: Readonly<Partial<Record<PassedOver, number>>>;
  /** Counts of votes that cannot be imported. Keyed by reason. */
  readonly refused: Readonly<Partial<Record<VoteProblem, number>>>;
  /** The first 20 of them. */
  readonly problems: readonly VoteLineProblem[];
}

export interface VoteLineProblem {
  /** Position in the file, from 1, counted in the file's unit. */
  readonly position: number;
  /** Position in a JSON array, from 1. Null for other files. */
  readonly record: number | null;
  readonly reason: VoteProblem;
  readonly message: string;
}

/**
 * Imports votes from a file of any format known (docs/votes.md), streamed. The file is imported whole or not at all: votes wait in a table
 * beside until all of it is checked. Importing a file twice changes nothing.
 * @throws {ConfigError} if the file cannot be read, or is of no format known.
 */
export async function importVotes(file: string, deps: ImportVotesDeps): Promise<ImportVotesResult> {
  const { db, config, skipBad = false, signal } = deps;
  const { criteria } = config.annotate;
  const head = await readHead(file);
  const format = voteFormatOf(file, { name: deps.format ?? null, head });
  if (Object.keys(deps.columns ?? {}).length > 0 && format.hasColumns === undefined) {
    throw new ConfigError(`Cannot map columns of ${file}: votes as ${format.name} have no columns`, { hint: "leave --map out" });
  }
  const queries = voteQueries(db);
  const staged = stageVotes(db);
  const refused: Partial<Record<VoteProblem, number>> = {};
  const passedOver: Partial<Record<PassedOver, number>> = {};
  const problems: VoteLineProblem[] = [];
  let already = 0;
  let batch = new Map<string, VoteRow>();

  /** True if the vote is new; false if an equal one is there. */
  const isNew = (vote: VoteRow): boolean => {
    const before = batch.get(vote.voteId) ?? staged.find(vote.voteId) ?? queries.findVote(vote.voteId);
    // A name that was forgotten is told by no file again.
    const same = before !== null && queries.isForgotten(before.annotator) ? { ...vote, annotator: before.annotator } : vote;
    if (before !== null && !isSameVote(before, same))
      throw new VoteError("other-vote", `the vote_id ${vote.voteId} belongs to a vote with other content`);
    return before === null;
  };
  const stageBatch = (): void => {
    staged.add([...batch.values()]);
    batch = new Map();
  };

  try {
    const reading = { source: deps.source ?? format.name, columns: deps.columns ?? {}, criteria, signal };
    for await (const { position, record, read } of format.candidates(file, head, reading)) {
      try {
        const raw = read();
        if (typeof raw === "string") {
          passedOver[raw] = (passedOver[raw] ?? 0) + 1;
          continue;
        }
        const vote = resolveVote(raw, { queries, criteria, source: format.name === "jsonl" ? "import" : format.name });
        if (isNew(vote)) batch.set(vote.voteId, vote);
        else already++;
        if (batch.size >= BATCH) stageBatch();
      } catch (error) {
        if (!(error instanceof VoteError)) throw error;
        refused[error.reason] = (refused[error.reason] ?? 0) + 1;
        if (problems.length < PROBLEMS_TOLD) problems.push({ position, record, reason: error.reason, message: error.message });
      }
    }
    stageBatch();
    const imported = problems.length > 0 && !skipBad ? 0 : staged.commit();
    return { format: format.name, unit: format.unitOf(head), imported, already, passedOver, refused, problems };
  } finally {
    staged.close();
  }
}

/** Returns true if two votes give the same answer. Their sources do not matter. */
function isSameVote(first: VoteRow, second: VoteRow): boolean {
  return canonicalJson({ ...first, source: "" }) === canonicalJson({ ...second, source: "" });
}
