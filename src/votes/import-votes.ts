import { createReadStream } from "node:fs";
import type { Config } from "../config/schema.ts";
import { stageVotes, voteQueries, type VoteRow } from "../db/queries/votes.ts";
import type { Db } from "../db/open.ts";
import { ConfigError, isAbort } from "../errors.ts";
import { canonicalJson } from "../lib/exact-json.ts";
import { byteLines } from "../lib/byte-lines.ts";
import { fileProblem } from "../lib/file-problem.ts";
import { resolveVote } from "./resolve-vote.ts";
import { readVote, VoteError, type VoteProblem } from "./vote-format.ts";

/** Bytes of a line: far above a vote on 1,000 images; a file that is no JSONL ends here instead of in memory. */
const LINE_MAX_BYTES = 1_000_000;
/** Votes staged in one transaction. */
const BATCH = 1_000;
/** Problems told in full; the rest is counted. */
const PROBLEMS_TOLD = 20;

export interface ImportVotesDeps {
  readonly db: Db;
  readonly config: { readonly annotate: Pick<Config["annotate"], "criteria"> };
  /** Imports the good lines of a file that has bad ones. */
  readonly skipBad?: boolean;
  readonly signal?: AbortSignal;
}

export interface ImportVotesResult {
  /** New votes. 0 where there are problems and `skipBad` is not set: nothing is imported then. */
  readonly imported: number;
  /** Votes that were there already, with the same content. */
  readonly already: number;
  /** Lines that are no votes, by reason. */
  readonly refused: Readonly<Partial<Record<VoteProblem, number>>>;
  /** The first 20 of them. */
  readonly problems: readonly VoteLineProblem[];
}

export interface VoteLineProblem {
  /** From 1. */
  readonly line: number;
  readonly reason: VoteProblem;
  readonly message: string;
}

/**
 * Imports votes from our JSONL (docs/votes.md), streamed. The file is imported whole or not at all: votes wait in a table beside
 * until every line is checked. Importing a file twice changes nothing.
 * @throws {ConfigError} if the file cannot be read.
 */
export async function importVotes(file: string, { db, config, skipBad = false, signal }: ImportVotesDeps): Promise<ImportVotesResult> {
  const queries = voteQueries(db);
  const staged = stageVotes(db);
  const refused: Partial<Record<VoteProblem, number>> = {};
  const problems: VoteLineProblem[] = [];
  let already = 0;
  let batch = new Map<string, VoteRow>();

  /** True if the vote is new; false if an equal one is there. */
  const isNew = (vote: VoteRow): boolean => {
    const before = batch.get(vote.voteId) ?? staged.find(vote.voteId) ?? queries.findVote(vote.voteId);
    if (before !== null && !isSameVote(before, vote))
      throw new VoteError("other-vote", `the vote_id ${vote.voteId} belongs to a vote with other content`);
    return before === null;
  };
  const stageBatch = (): void => {
    staged.add([...batch.values()]);
    batch = new Map();
  };

  try {
    for await (const { number, bytes } of linesOf(file, signal)) {
      try {
        const vote = resolveVote(readVote(bytes), { queries, criteria: config.annotate.criteria, source: "import" });
        if (isNew(vote)) batch.set(vote.voteId, vote);
        else already++;
        if (batch.size >= BATCH) stageBatch();
      } catch (error) {
        if (!(error instanceof VoteError)) throw error;
        refused[error.reason] = (refused[error.reason] ?? 0) + 1;
        if (problems.length < PROBLEMS_TOLD) problems.push({ line: number, reason: error.reason, message: error.message });
      }
    }
    stageBatch();
    const imported = problems.length > 0 && !skipBad ? 0 : staged.commit();
    return { imported, already, refused, problems };
  } finally {
    staged.close();
  }
}

/** Whether two votes say the same; where they came from does not matter. */
function isSameVote(first: VoteRow, second: VoteRow): boolean {
  return canonicalJson({ ...first, source: "" }) === canonicalJson({ ...second, source: "" });
}

async function* linesOf(file: string, signal: AbortSignal | undefined): ReturnType<typeof byteLines> {
  try {
    // Without an encoding a file's stream yields Buffers.
    yield* byteLines(createReadStream(file, { signal }) as AsyncIterable<Buffer>, { maxBytes: LINE_MAX_BYTES });
  } catch (error) {
    if (isAbort(error)) throw error;
    throw new ConfigError(`Cannot read the votes ${file}: ${fileProblem(error)}`, {
      cause: error,
      hint: "one JSON object a line; see docs/votes.md",
    });
  }
}
