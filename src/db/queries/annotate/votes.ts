import type { Db } from "../../open.ts";
import type { RowRange } from "./groups.ts";

/** One row of `votes`, with JSON columns as text. */
export interface VoteRow {
  readonly voteId: string;
  readonly promptKey: string;
  readonly criterion: string;
  readonly annotator: string;
  /** JSON array of image_ids, in the order shown. */
  readonly shown: string;
  /** JSON array of arrays of image_ids, best first. */
  readonly ranking: string;
  readonly kind: "choice" | "tie" | "both_bad" | "skip";
  /** JSON object: image_id → array of flags. */
  readonly flags: string;
  readonly durationMs: number | null;
  readonly castAtMs: number | null;
  readonly source: string;
}

/** A vote, and which of its images have changed. */
export interface PromptVoteRow extends VoteRow {
  /** JSON array of image_ids whose image has been made again. The vote says nothing about those. */
  readonly remade: string;
}

const COLUMNS = `vote_id as voteId, prompt_key as promptKey, criterion, annotator, shown, ranking, kind, flags, duration_ms as durationMs,
  cast_at_ms as castAtMs, source`;
const NAMES = "vote_id, prompt_key, criterion, annotator, shown, ranking, kind, flags, duration_ms, cast_at_ms, source";
const VALUES = "@voteId, @promptKey, @criterion, @annotator, @shown, @ranking, @kind, @flags, @durationMs, @castAtMs, @source";

export type VoteQueries = ReturnType<typeof voteQueries>;

/** Prepares queries that read votes. */
export function voteQueries({ client }: Pick<Db, "client">) {
  const inRange = client.prepare<[RowRange], PromptVoteRow>(`
    select ${COLUMNS}, (select json_group_array(shown.image_id) from vote_pictures as shown left join images using (image_id)
      where shown.vote_id = counted_votes.vote_id and images.sha256 is not shown.sha256) as remade
    from prompts as page cross join counted_votes using (prompt_key)
    where page.rowid > @after and page.rowid <= @last order by page.rowid, vote_id`);
  const anyUnder = client.prepare<[string]>(`select 1 from counted_votes where criterion = ? and kind <> 'skip' limit 1`);
  const find = client.prepare<[string], VoteRow>(`select ${COLUMNS} from votes where vote_id = ?`);
  const forgotten = client.prepare<[string]>(`select 1 from annotators where name = ? and forgotten_at_ms is not null`);
  const promptOf = client.prepare<[string], string>(`select prompt_key from images where image_id = ?`).pluck();
  const bySha256 = client.prepare<[string], string>(`select image_id from images where sha256 = ? limit 2`).pluck();

  return {
    /** Reads the votes of each prompt that count, in vote_id order: not undone, and not by an excluded annotator. */
    votesIn: (range: RowRange): readonly PromptVoteRow[] => inRange.all(range),
    /** Returns true if there is a vote under a criterion that counts and is no skip. */
    anyVoteUnder: (criterion: string): boolean => anyUnder.get(criterion) !== undefined,
    findVote: (voteId: string): VoteRow | null => find.get(voteId) ?? null,
    /** Returns true for the pseudonym of somebody who was forgotten. */
    isForgotten: (annotator: string): boolean => forgotten.get(annotator) !== undefined,
    /** Returns the prompt of an image. Null if there is no such image. */
    promptKeyOf: (imageId: string): string | null => promptOf.get(imageId) ?? null,
    /** Finds images by file hash, at most two: two are enough to see that the hash is ambiguous. */
    imageIdsBySha256: (sha256: string): readonly string[] => bySha256.all(sha256),
  };
}

/**
 * Creates a temporary table for votes that are being checked. It is on disk and visible to this connection only.
 * Nothing is in `votes` before `commit`, so that an import is complete or does not happen.
 */
export function stageVotes({ client }: Pick<Db, "client">) {
  client.exec(`drop table if exists temp.staged_votes;
    create temp table staged_votes (vote_id text primary key, prompt_key text, criterion text, annotator text, shown text, ranking text,
      kind text, flags text, duration_ms integer, cast_at_ms integer, source text) strict`);
  const insert = client.prepare<[VoteRow]>(`insert into temp.staged_votes (${NAMES}) values (${VALUES})`);
  const find = client.prepare<[string], VoteRow>(`select ${COLUMNS} from temp.staged_votes where vote_id = ?`);
  // A vote that another import added meanwhile stays. `where true` tells the parser that `on` starts no join.
  const copy = client.prepare(`
    insert into votes (${NAMES}) select ${NAMES} from temp.staged_votes where true order by vote_id on conflict (vote_id) do nothing`);
  const recount = client.prepare(`update page_prompts set rules = '' where prompt_key in (select prompt_key from temp.staged_votes)`);

  return {
    find: (voteId: string): VoteRow | null => find.get(voteId) ?? null,
    add: client.transaction((votes: readonly VoteRow[]) => {
      for (const vote of votes) insert.run(vote);
    }),
    /** Moves all of them into `votes` in one transaction. Returns how many. The page then counts the votes of their prompts again. */
    commit: (): number =>
      client
        .transaction(() => {
          const { changes } = copy.run();
          if (changes > 0) recount.run();
          return changes;
        })
        .immediate(),
    close(): void {
      client.exec("drop table temp.staged_votes");
    },
  };
}

export interface VotesCast {
  /** Number of votes that count: not undone, and not by an excluded annotator. */
  readonly votes: number;
  readonly annotators: number;
  /** Number of prompts with a vote. */
  readonly prompts: number;
}

/** Counts the votes so far, including skips. */
export function countVotes({ client }: Pick<Db, "client">): VotesCast {
  const counted = client
    .prepare<[], VotesCast>(
      `select count(*) as votes, count(distinct annotator) as annotators, count(distinct prompt_key) as prompts from counted_votes`,
    )
    .get();
  return counted ?? { votes: 0, annotators: 0, prompts: 0 };
}
