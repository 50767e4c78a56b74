import type { Db } from "../../open.ts";
import type { RowRange } from "../annotate/groups.ts";

// Comparisons. The feed writes which ones exist, and each vote whether they have enough votes.

export type ComparisonState = "open" | "done" | "disputed" | "void" | "gold";

export interface ComparisonRow {
  readonly comparison: number;
  readonly promptKey: string;
  readonly criterion: string;
  /** JSON array of image_ids, sorted. */
  readonly images: string;
  readonly state: ComparisonState;
  readonly round: number;
  readonly answers: number;
  readonly wanted: number;
}

export interface NewComparison extends Omit<ComparisonRow, "comparison"> {
  readonly criterionRank: number;
  readonly priority: number;
}

export interface GoldComparison {
  readonly promptKey: string;
  readonly criterion: string;
  readonly images: string;
  /** JSON array of the image_ids that may be chosen as best. */
  readonly expected: string;
}

/** Which prompts the feed reads. */
export interface FeedRange {
  /** Hash of the rules. A prompt that was fed under other rules is fed again. */
  readonly rules: string;
  /** Only prompts before this position in their file. Null: all. */
  readonly positionEnd: number | null;
}

const COLUMNS = "comparison, prompt_key as promptKey, criterion, images, state, round, answers, wanted";

export type ComparisonQueries = ReturnType<typeof comparisonQueries>;

/** Prepares the statements on comparisons, and on prompts that are still to be fed. */
export function comparisonQueries({ client }: Pick<Db, "client">) {
  const firstUnfed = client
    .prepare<[FeedRange & { after: number }], number>(`
      select rowid from prompts where rowid > @after and active = 1 and (@positionEnd is null or position between 0 and @positionEnd - 1)
        and not exists (select 1 from page_prompts where page_prompts.prompt_key = prompts.prompt_key and rules = @rules)
      order by rowid limit 1`)
    .pluck();
  const unfedIn = client
    .prepare<[FeedRange & RowRange], string>(`
      select prompt_key from prompts where rowid > @after and rowid <= @last and active = 1
        and (@positionEnd is null or position between 0 and @positionEnd - 1)
        and not exists (select 1 from page_prompts where page_prompts.prompt_key = prompts.prompt_key and rules = @rules)`)
    .pluck();
  const markFed = client.prepare<[string, string]>(`
    insert into page_prompts (prompt_key, rules) values (?, ?) on conflict (prompt_key) do update set rules = excluded.rules`);
  const ofPrompt = client.prepare<[string], ComparisonRow>(`select ${COLUMNS} from comparisons where prompt_key = ? and kind = 'task'`);
  const find = client.prepare<[number], ComparisonRow>(`select ${COLUMNS} from comparisons where comparison = ?`);
  const insert = client.prepare<[NewComparison]>(`
    insert into comparisons (prompt_key, criterion, kind, images, state, round, answers, wanted, criterion_rank, priority)
    values (@promptKey, @criterion, 'task', @images, @state, @round, @answers, @wanted, @criterionRank, @priority)
    on conflict (prompt_key, criterion, kind, images) do update set state = excluded.state, answers = excluded.answers, wanted = excluded.wanted,
      criterion_rank = excluded.criterion_rank, priority = excluded.priority`);
  const settle = client.prepare<[Pick<ComparisonRow, "comparison" | "state" | "answers" | "wanted">]>(`
    update comparisons set state = @state, answers = @answers, wanted = @wanted where comparison = @comparison`);
  const voidOthers = client.prepare<[FeedRange]>(`
    update comparisons set state = 'void' where kind = 'task' and state <> 'void' and prompt_key in (
      select prompt_key from prompts where active = 0 or (@positionEnd is not null and position not between 0 and @positionEnd - 1))`);
  const insertGold = client.prepare<[GoldComparison]>(`
    insert into comparisons (prompt_key, criterion, kind, images, expected, state, wanted, priority)
    values (@promptKey, @criterion, 'gold', @images, @expected, 'gold', 1, 0)
    on conflict (prompt_key, criterion, kind, images) do update set expected = excluded.expected, state = 'gold'`);
  const voidGold = client.prepare(`update comparisons set state = 'void' where kind = 'gold' and state = 'gold'`);

  return {
    /** Returns the next range of at most `count` rows that begins with a prompt to feed. Null at the end. */
    nextUnfed(after: number, { count, ...feed }: FeedRange & { readonly count: number }): RowRange | null {
      const first = firstUnfed.get({ ...feed, after });
      return first === undefined ? null : { after: first - 1, last: first - 1 + count };
    },
    unfedIn: (range: RowRange, feed: FeedRange): ReadonlySet<string> => new Set(unfedIn.all({ ...range, ...feed })),
    markFed: (promptKey: string, rules: string): void => void markFed.run(promptKey, rules),
    listComparisons: (promptKey: string): readonly ComparisonRow[] => ofPrompt.all(promptKey),
    find: (comparison: number): ComparisonRow | null => find.get(comparison) ?? null,
    insert: (row: NewComparison): void => void insert.run(row),
    settle: ({ comparison, state, answers, wanted }: Pick<ComparisonRow, "comparison" | "state" | "answers" | "wanted">): void =>
      void settle.run({ comparison, state, answers, wanted }),
    /** Voids the comparisons of prompts that were removed or that the configuration no longer shows. */
    voidOthers: (feed: FeedRange): void => void voidOthers.run(feed),
    /** Replaces all gold. */
    setGold: client.transaction((gold: readonly GoldComparison[]): void => {
      voidGold.run();
      for (const each of gold) insertGold.run(each);
    }).immediate,
    /** Runs `work` in one transaction. */
    inTransaction: <T>(work: () => T): T => client.transaction(work).immediate(),
  };
}
