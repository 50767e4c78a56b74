import type { Db } from "../../open.ts";
import type { VoteRow } from "../annotate/votes.ts";

// Votes that were cast on the page. A row in `votes` is written once. An undo is a mark in `page_votes`.

export interface PageVoteRow {
  readonly voteId: string;
  readonly taskId: string;
  readonly comparison: number;
  readonly annotatorId: number;
  readonly purpose: "task" | "gold" | "repeat";
  /** JSON {answer, flags, ms}, as the browser sent it. */
  readonly entry: string;
  readonly outcome: string;
  readonly receivedAtMs: number;
  readonly undoneAtMs: number | null;
}

/** The part of a vote that decides its outcome. */
export type CountedVote = Pick<VoteRow, "kind" | "shown" | "ranking">;

const COLUMNS = `vote_id as voteId, task_id as taskId, comparison, annotator_id as annotatorId, purpose, entry, outcome,
  received_at_ms as receivedAtMs, undone_at_ms as undoneAtMs`;

export type PageVoteQueries = ReturnType<typeof pageVoteQueries>;

/** Prepares the statements on votes that were cast on the page. */
export function pageVoteQueries({ client }: Pick<Db, "client">) {
  const find = client.prepare<[string], PageVoteRow>(`select ${COLUMNS} from page_votes where vote_id = ?`);
  const isTaken = client.prepare<[string]>(`select 1 from votes where vote_id = ?`);
  const standing = client.prepare<[string]>(`select 1 from page_votes where task_id = ? and undone_at_ms is null`);
  const insertVote = client.prepare<[VoteRow]>(`
    insert into votes (vote_id, prompt_key, criterion, annotator, shown, ranking, kind, flags, duration_ms, cast_at_ms, source)
    values (@voteId, @promptKey, @criterion, @annotator, @shown, @ranking, @kind, @flags, @durationMs, @castAtMs, @source)`);
  const insert = client.prepare<[Omit<PageVoteRow, "undoneAtMs">]>(`
    insert into page_votes (vote_id, task_id, comparison, annotator_id, purpose, entry, outcome, received_at_ms)
    values (@voteId, @taskId, @comparison, @annotatorId, @purpose, @entry, @outcome, @receivedAtMs)`);
  const undo = client.prepare<[number, string]>(`update page_votes set undone_at_ms = ? where vote_id = ?`);
  const counted = client.prepare<[string, string], CountedVote>(`
    select kind, shown, ranking from counted_votes where prompt_key = ? and criterion = ? and kind <> 'skip'
      and not exists (select 1 from vote_pictures as was left join images using (image_id)
        where was.vote_id = counted_votes.vote_id and images.sha256 is not was.sha256) order by vote_id`);
  const history = client.prepare<[{ annotatorId: number; before: number; limit: number }], PageVoteRow & { readonly row: number }>(`
    select rowid as row, ${COLUMNS} from page_votes where annotator_id = @annotatorId and undone_at_ms is null and rowid < @before
    order by rowid desc limit @limit`);
  const count = client.prepare<[number], number>(`select count(*) from page_votes where annotator_id = ? and undone_at_ms is null`).pluck();
  const since = client.prepare<[number, number], { votes: number; firstMs: number | null }>(`
    select count(*) as votes, min(received_at_ms) as firstMs from page_votes
    where annotator_id = ? and received_at_ms > ? and undone_at_ms is null`);
  const open = client.prepare<[], number>("select count(*) from comparisons where state = 'open'").pluck();
  const countAnsweredOpen = client
    .prepare<[number], number>(`
      select count(*) from assignments join comparisons using (comparison)
      where annotator_id = ? and assignments.state = 'answered' and purpose = 'task' and comparisons.state = 'open'`)
    .pluck();

  return {
    find: (voteId: string): PageVoteRow | null => find.get(voteId) ?? null,
    /** Returns true if any vote has this id, wherever it was cast. */
    isTaken: (voteId: string): boolean => isTaken.get(voteId) !== undefined,
    /** Returns true if the task has a vote that was not undone. */
    hasStanding: (taskId: string): boolean => standing.get(taskId) !== undefined,
    insert(vote: VoteRow, row: Omit<PageVoteRow, "undoneAtMs">): void {
      insertVote.run(vote);
      insert.run(row);
    },
    undo: (voteId: string, nowMs: number): void => void undo.run(nowMs, voteId),
    /** Returns the votes that count for a prompt and criterion, without skips and without those on an image that was made again since. */
    listCountedVotes: (promptKey: string, criterion: string): readonly CountedVote[] => counted.all(promptKey, criterion),
    /** Returns a page of a person's votes that were not undone, newest first. `row` is where the next page starts. */
    history: (annotatorId: number, page: { readonly before: number; readonly limit: number }) => history.all({ annotatorId, ...page }),
    count: (annotatorId: number): number => count.get(annotatorId) ?? 0,
    /** Counts a person's votes since a time, and returns when the first of them came. */
    since: (annotatorId: number, fromMs: number): { readonly votes: number; readonly firstMs: number | null } =>
      since.get(annotatorId, fromMs) ?? { votes: 0, firstMs: null },
    /** Counts open comparisons. With 200,000 it takes 10 ms or more. */
    open: (): number => open.get() ?? 0,
    /** Counts the open comparisons that a person has answered. */
    countAnsweredOpen: (annotatorId: number): number => countAnsweredOpen.get(annotatorId) ?? 0,
  };
}
