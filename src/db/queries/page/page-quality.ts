import type { Db } from "../../open.ts";

// Queries of the lead's page. Each is short, so that no vote waits for it: one person's votes, or a page of all votes.

export interface PersonCounts {
  /** Votes on tasks: skips included, gold and repeats not. */
  readonly votes: number;
  readonly skips: number;
  readonly goldVotes: number;
  readonly goldRight: number;
  readonly repeats: number;
  readonly repeatedAlike: number;
  readonly lastHour: number;
  readonly medianMs: number | null;
}

/** A vote on a task that was not undone, for counting agreement. */
export interface QualityVote {
  readonly comparison: number;
  readonly annotatorId: number;
  readonly kind: "choice" | "tie" | "both_bad" | "skip";
  readonly shown: string;
  readonly ranking: string;
  readonly durationMs: number | null;
}

export interface StateCount {
  readonly state: string;
  readonly count: number;
  readonly missing: number;
}

export type PageQualityQueries = ReturnType<typeof pageQualityQueries>;

/** Prepares the statements of the lead's page. */
export function pageQualityQueries({ client }: Pick<Db, "client">) {
  const STANDING = "page_votes.annotator_id = @annotatorId and page_votes.undone_at_ms is null";
  const tasks = client.prepare<[{ annotatorId: number; fromMs: number }], { votes: number; skips: number; lastHour: number }>(`
    select count(*) as votes, count(case when outcome = 'skip' then 1 end) as skips,
      count(case when received_at_ms > @fromMs then 1 end) as lastHour
    from page_votes where ${STANDING} and purpose = 'task'`);
  const gold = client.prepare<[{ annotatorId: number }], { goldVotes: number; goldRight: number }>(`
    select count(*) as goldVotes, count(case when instr(expected, '"' || outcome || '"') > 0 then 1 end) as goldRight
    from page_votes join comparisons using (comparison) where ${STANDING} and purpose = 'gold' and outcome <> 'skip'`);
  const repeats = client.prepare<[{ annotatorId: number }], { repeats: number; repeatedAlike: number }>(`
    select count(*) as repeats, count(case when earlier.outcome = page_votes.outcome then 1 end) as repeatedAlike
    from page_votes join page_votes as earlier on earlier.comparison = page_votes.comparison and earlier.annotator_id = @annotatorId
      and earlier.purpose = 'task' and earlier.undone_at_ms is null
    where ${STANDING} and page_votes.purpose = 'repeat'`);
  const median = client
    .prepare<[{ annotatorId: number; skip: number }], number | null>(`
      select duration_ms from page_votes join votes using (vote_id) where ${STANDING} and purpose = 'task' and outcome <> 'skip'
      order by duration_ms limit 1 offset @skip`)
    .pluck();
  const page = client.prepare<[{ after: number; limit: number }], QualityVote>(`
    select page_votes.comparison, page_votes.annotator_id as annotatorId, kind, shown, ranking, duration_ms as durationMs
    from page_votes join votes using (vote_id)
    where page_votes.comparison > @after and undone_at_ms is null and purpose = 'task' order by page_votes.comparison limit @limit`);
  const states = client.prepare<[], StateCount>(`
    select state, count(*) as count, sum(wanted - answers) as missing from comparisons indexed by comparisons_next where state <> 'gold' group by state`);

  return {
    countPerson(annotatorId: number, sinceMs: number): PersonCounts {
      const none = { votes: 0, skips: 0, lastHour: 0 };
      const ofTasks = tasks.get({ annotatorId, fromMs: sinceMs }) ?? none;
      const middle = Math.floor(Math.max(0, ofTasks.votes - ofTasks.skips - 1) / 2);
      return {
        ...ofTasks,
        ...(gold.get({ annotatorId }) ?? { goldVotes: 0, goldRight: 0 }),
        ...(repeats.get({ annotatorId }) ?? { repeats: 0, repeatedAlike: 0 }),
        medianMs: median.get({ annotatorId, skip: middle }) ?? null,
      };
    },
    /** Returns votes ordered by comparison, after the given one. */
    listVotesAfter: (comparison: number, limit: number): readonly QualityVote[] => page.all({ after: comparison, limit }),
    /** Counts comparisons by state. `missing` is the number of votes still needed. */
    states: (): readonly StateCount[] => states.all(),
  };
}
