import type { Db } from "../../open.ts";

// Assignments of comparisons to people. Finding the next one must not get slower with the size of the dataset or with the votes of a
// person: it reads the index comparisons_next from where that person stopped.

export type Purpose = "task" | "gold" | "repeat";

export interface AssignmentRow {
  readonly taskId: string;
  readonly comparison: number;
  readonly annotatorId: number;
  readonly purpose: Purpose;
  /** JSON array of image_ids, in the order shown. */
  readonly shown: string;
  readonly state: "leased" | "answered";
  readonly leasedUntilMs: number;
  readonly promptKey: string;
  readonly criterion: string;
}

/** A position in the order in which comparisons are asked. */
export interface QueuePlace {
  readonly answers: number;
  readonly criterionRank: number;
  readonly priority: number;
  readonly comparison: number;
}

/** An open comparison, as seen by one person. */
export interface QueueRow extends QueuePlace {
  readonly images: string;
  /** 1 if this person had it before; it never opens again for them. */
  readonly mine: 0 | 1;
  /** Votes that are needed and that nobody else is working on. */
  readonly room: number;
}

interface Asking {
  readonly annotatorId: number;
  readonly nowMs: number;
  /** End of a lease that is made now. A later one was made before the clock was set back, and holds nothing. */
  readonly leaseEndMs: number;
}

const COLUMNS = `task_id as taskId, comparison, annotator_id as annotatorId, purpose, shown, assignments.state, leased_until_ms as leasedUntilMs,
  prompt_key as promptKey, criterion`;
const FROM = "from assignments join comparisons using (comparison)";
/** Votes that other people are working on. */
const OTHERS = `(select count(*) from assignments as held where held.comparison = comparisons.comparison and held.state = 'leased'
  and held.purpose = 'task' and held.leased_until_ms > @nowMs and held.leased_until_ms <= @leaseEndMs and held.annotator_id <> @annotatorId)`;

export type AssignmentQueries = ReturnType<typeof assignmentQueries>;

/** Prepares the statements on assignments, and on the queue of open comparisons. */
export function assignmentQueries({ client }: Pick<Db, "client">) {
  const queue = client.prepare<[QueuePlace & Asking], QueueRow>(`
    select comparison, answers, criterion_rank as criterionRank, priority, images,
      exists (select 1 from assignments where annotator_id = @annotatorId and assignments.comparison = comparisons.comparison) as mine,
      wanted - answers - ${OTHERS} as room
    from comparisons indexed by comparisons_next
    where state = 'open' and (answers, criterion_rank, priority, comparison) > (@answers, @criterionRank, @priority, @comparison)
    order by answers, criterion_rank, priority, comparison`);
  const front = client
    .prepare<[number], string>(`
      select images from comparisons indexed by comparisons_next where state = 'open'
      order by answers, criterion_rank, priority, comparison limit ?`)
    .pluck();
  const held = client.prepare<[Asking], AssignmentRow & { readonly isWanted: 0 | 1 }>(`
    select ${COLUMNS}, purpose <> 'task' or (comparisons.state = 'open' and wanted - answers - ${OTHERS} > 0) as isWanted
    ${FROM} where annotator_id = @annotatorId and assignments.state = 'leased' and comparisons.state <> 'void' order by assignments.rowid`);
  const gold = client.prepare<[{ annotatorId: number; limit: number }], { comparison: number; images: string }>(`
    select comparison, images from comparisons where state = 'gold'
      and not exists (select 1 from assignments where annotator_id = @annotatorId and assignments.comparison = comparisons.comparison)
    order by random() limit @limit`);
  const repeatable = client.prepare<[{ annotatorId: number; skip: number; limit: number }], { comparison: number; images: string }>(`
    select comparison, images from (
      select comparison from page_votes where annotator_id = @annotatorId and purpose = 'task' and undone_at_ms is null and outcome <> 'skip'
      order by received_at_ms desc limit @limit offset @skip)
    join comparisons using (comparison) where state <> 'void'
      and not exists (select 1 from assignments where annotator_id = @annotatorId and assignments.comparison = comparisons.comparison and purpose = 'repeat')
    order by random() limit 1`);
  const find = client.prepare<[string], AssignmentRow>(`select ${COLUMNS} ${FROM} where task_id = ?`);
  const insert = client.prepare<[Omit<AssignmentRow, "promptKey" | "criterion">]>(`
    insert into assignments (task_id, comparison, annotator_id, purpose, shown, state, leased_until_ms)
    values (@taskId, @comparison, @annotatorId, @purpose, @shown, @state, @leasedUntilMs)`);
  const setState = client.prepare<[string, number, string]>(`update assignments set state = ?, leased_until_ms = ? where task_id = ?`);
  const releaseLeases = client.prepare<[number]>(`update assignments set leased_until_ms = 0 where annotator_id = ? and state = 'leased'`);

  return {
    /** Iterates over the open comparisons after a position, in order. */
    queueAfter: (place: QueuePlace, asking: Asking): IterableIterator<QueueRow> => queue.iterate({ ...place, ...asking }),
    /** Returns the images (JSON arrays) of the comparisons at the front of the queue. */
    listFrontOfQueue: (count: number): readonly string[] => front.all(count),
    /** Returns what a person holds, expired leases included. `isWanted`: their vote on it is still needed. */
    listHeld: (asking: Asking) => held.all(asking),
    /** Returns random gold that the person has not had. */
    freshGold: (annotatorId: number): { comparison: number; images: string } | null => gold.get({ annotatorId, limit: 1 }) ?? null,
    /** Returns something that the person answered at least `skip` and at most `skip + limit` votes ago, and did not repeat since. */
    repeatable: (annotatorId: number, span: { readonly skip: number; readonly limit: number }) =>
      repeatable.get({ annotatorId, ...span }) ?? null,
    find: (taskId: string): AssignmentRow | null => find.get(taskId) ?? null,
    insert: (row: Omit<AssignmentRow, "promptKey" | "criterion">): void => void insert.run(row),
    setState: (taskId: string, { state, leasedUntilMs }: Pick<AssignmentRow, "state" | "leasedUntilMs">): void =>
      void setState.run(state, leasedUntilMs, taskId),
    /** Ends a person's leases, so that others can be given these comparisons. */
    releaseLeases: (annotatorId: number): void => void releaseLeases.run(annotatorId),
  };
}
