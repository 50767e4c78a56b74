import type Database from "better-sqlite3";
import { countMixedPrompts, imagesByEpoch } from "../jobs/epochs.ts";
import { linkedRows } from "./scan-rows.ts";
import type { LinkedRow, PlannedRow } from "./row-records.ts";

/** SQL that is true where row `p` shows image `i`. */
export const SHOWS = `(p.chosen = i.image_id or exists (
  select 1 from preference_rejected as r where r.place = p.place and r.image_id = i.image_id))`;

/** SQL that is true where entry `q` of the plan has a split; it uses the index. */
export const IS_OF_PLAN = `q.split in (0, 1, 2)`;

/** Returns SQL that is true where row `p` is of this pair set and goes to one of the splits. */
export const isPlanned = (splits: string): string =>
  `(p.pair_set = @pairSet and exists (select 1 from plan_rows as q where q.place = p.place and q.split in (${splits})))`;

/** SQL: the images of the rows of a split. */
const IMAGES_OF_SPLIT = `(
  select q.row_id, i.sha256 from plan_rows as q cross join preferences as p using (place)
    cross join images as i on i.image_id = p.chosen where q.split = @split
  union all
  select q.row_id, i.sha256 from plan_rows as q cross join preference_rejected as r using (place)
    cross join images as i on i.image_id = r.image_id where q.split = @split)`;

/** SQL: images `f` of prompts, named by `r.key`. The JSON holds text alone, which SQLite reads exactly. */
export const REFERENCES = `prompts join json_each(prompts.reference_files) as r left join reference_files as f on f.sha256 = r.value`;

export interface PlanScope {
  readonly pairSet: string;
  /** False: rows do not name the images that their prompts come with. */
  readonly withReferences: boolean;
}

/**
 * Reads and writes the plan of an export: which row goes where. It is a temporary table of the connection, so that memory does not grow
 * with
 * the dataset.
 */
export function planQueries(client: Database.Database, { pairSet, withReferences }: PlanScope) {
  client.exec(`
    create temp table plan_rows (place integer primary key, split integer not null, row_id text not null, fills integer not null);
    create temp table shared_files (sha256 text primary key) without rowid`);
  const insert = client.prepare(`insert into plan_rows (place, split, row_id, fills) values (?, ?, ?, ?)`);
  const fillers = client.prepare<[number], { rowId: string; fills: number }>(
    `select min(row_id) as rowId, fills from plan_rows where split = ? group by fills`,
  );
  const countRows = client.prepare<[number], number>(`select count(*) from plan_rows where split = ?`).pluck();
  const rowIds = client
    .prepare<[number, string, number], string>(`select row_id from plan_rows where split = ? and row_id > ? order by row_id limit ?`)
    .pluck();
  const allRowIds = client.prepare<[number], string>(`select row_id from plan_rows where split = ? order by row_id`).pluck();

  return {
    /** Reads every linked row of the pair set in the order of their table. Between two of them the plan may be written. */
    linkedRows: (): Generator<LinkedRow> => linkedRows(client, pairSet),
    plan(rows: readonly PlannedRow[]): void {
      for (const { place, split, rowId, fills } of rows) insert.run(place, split, rowId, fills);
    },
    /** Sorts the plan, once all rows are in it: one sort costs less than as many insertions into an index. */
    sortPlan: (): void => void client.exec(`create index temp.plan_rows_id on plan_rows (split, row_id)`),
    /** Takes rows with an image that is no longer stored out of the plan. Returns how many. */
    dropUnstored: (): number => client.prepare(DROP_UNSTORED).run({ pairSet }).changes,
    /** Takes rows with a reference image that is not stored out of the plan. Returns how many. */
    dropUnstoredReferences: (): number => (withReferences ? client.prepare(DROP_UNSTORED_REFERENCES).run({ pairSet }).changes : 0),
    /** Takes rows of split `later` with a file that a row of split `earlier` shows out of the plan. Returns how many. */
    dropShared(earlier: number, later: number): number {
      client.exec(`delete from shared_files`);
      client.prepare(findShared(earlier)).run({ pairSet, split: later });
      return client.prepare(DROP_SHARED).run({ pairSet, split: later }).changes;
    },
    /** Returns the first row of each set of optional columns that rows of the split fill. */
    fillers: (split: number) => fillers.all(split),
    countRows: (split: number): number => countRows.get(split) ?? 0,
    countPrompts: (): number => client.prepare<[], number>(COUNT_PROMPTS).pluck().get() ?? 0,
    /** Reads ids of the rows of a split in their order: at most `count` after one. */
    rowIds: (split: number, { after, count }: { readonly after: string; readonly count: number }) => rowIds.all(split, after, count),
    /** Reads ids of all rows of a split in their order. */
    allRowIds: (split: number): IterableIterator<string> => allRowIds.iterate(split),
    /** Returns the first seed of a planned row that a double cannot hold, by prompt; undefined where there is none. */
    firstLargeSeed: () => client.prepare<[{ pairSet: string }], { seed: string; prompt: string }>(FIRST_LARGE_SEED).get({ pairSet }),
    /** Rows of earlier versions, for an export of what is new. */
    base: exportBase(client),
  };
}

/** Reads what an export says of the whole dataset. */
export function datasetFacts(client: Database.Database, pairSet: string) {
  return {
    /** True if images were adopted whose seed nobody knows, whether or not a row shows one. */
    hasUnknownSeeds: (): boolean => client.prepare(`select 1 from jobs where adopted = 1 and seed = '-1' limit 1`).get() !== undefined,
    /** Returns what made the stored images, and how many prompts have images made by several servers. */
    madeBy: () => ({ servers: imagesByEpoch({ client }), mixedPrompts: countMixedPrompts({ client }) }),
    variants: () =>
      client.prepare<[], { variant: string; model: string; params: string }>(`select variant, model, params from variants`).all(),
    /** Returns what linking left out, by unit and reason. */
    drops: () =>
      client
        .prepare<[string], { unit: string; reason: string; count: number }>(
          `select unit, reason, sum(count) as count from drops where pair_set = ? group by unit, reason order by unit, reason`,
        )
        .all(pairSet),
  };
}

// CROSS JOIN in SQLite keeps the order of the tables. Without statistics, which no database here has, the planner would rather go
// through all links once for each file.
const DROP_UNSTORED = `
  delete from plan_rows where place in (
    select p.place from images as i cross join preferences as p on p.prompt_key = i.prompt_key
    where i.state in ('listed', 'rejected', 'excluded') and p.pair_set = @pairSet and ${SHOWS})`;

const DROP_UNSTORED_REFERENCES = `
  delete from plan_rows where place in (
    select p.place from ${REFERENCES} join preferences as p on p.prompt_key = prompts.prompt_key
    where prompts.reference_files <> '{}' and f.key is null and p.pair_set = @pairSet)`;

// Each file of the later split is looked up once, and each of its copies once: linear even where all files are equal.
const findShared = (earlier: number): string => `
  insert into shared_files select distinct sha256 from ${IMAGES_OF_SPLIT} as own
  where exists (select 1 from images as i cross join preferences as p on p.prompt_key = i.prompt_key
    where i.sha256 = own.sha256 and ${SHOWS} and ${isPlanned(String(earlier))})`;

const DROP_SHARED = `
  delete from plan_rows where split = @split and row_id in (
    select row_id from ${IMAGES_OF_SPLIT} as own where sha256 in (select sha256 from shared_files))`;

const COUNT_PROMPTS = `select count(distinct p.prompt_key) from plan_rows as q cross join preferences as p using (place)`;

// 2^53 - 1. Seeds are decimal text without leading zeros.
const FIRST_LARGE_SEED = `
  select jobs.seed, prompts.prompt from jobs cross join images as i using (job) join prompts on prompts.prompt_key = i.prompt_key
  where (length(jobs.seed) > 16 or (length(jobs.seed) = 16 and jobs.seed > '9007199254740991')) and exists (
    select 1 from preferences as p where p.prompt_key = i.prompt_key and ${SHOWS} and ${isPlanned("0, 1, 2")})
  order by jobs.prompt_key, jobs.seed limit 1`;

/** A row of an earlier version. */
export interface BaseRow {
  readonly rowId: string;
  /** Number of its split in the plan. */
  readonly split: number;
  /** SHA-256 of its line. */
  readonly sum: Uint8Array;
  /** SHA-256 (hex) of its images' files. */
  readonly files: readonly string[];
}

/** A row of an earlier version that no longer holds. */
export interface StaleRow {
  readonly rowId: string;
  readonly reason: "gone" | "changed";
}

/**
 * Compares the plan with the rows of earlier versions, in temporary tables: what of the plan is new, and what of theirs no longer holds.
 */
function exportBase(client: Database.Database) {
  const prepared = (): ReturnType<typeof prepareBase> => (statements ??= prepareBase(client));
  let statements: ReturnType<typeof prepareBase> | undefined;
  return {
    add({ rowId, split, sum, files }: BaseRow): void {
      prepared().addRow.run(rowId, split, sum);
      for (const sha256 of files) prepared().addFile.run(sha256, split);
    },
    /** Returns the SHA-256 of the line that earlier versions have; undefined where they have no such row. */
    readSum: (rowId: string): Buffer | undefined => prepared().sumOf.get(rowId),
    /** Marks a row that would be written otherwise today. */
    markChanged: (rowId: string): void => void prepared().markChanged.run(rowId),
    /** Marks rows that are not in the plan. Call it before dropKnown(). */
    markGone: (): number => prepared().markGone.run().changes,
    /** Takes rows that earlier versions have out of the plan. */
    dropKnown: (): number => prepared().dropKnown.run().changes,
    /** Takes new rows that show a file which an earlier version has in another split out of the plan. */
    dropOfOtherSplit: (): number => prepared().dropOfOtherSplit.run().changes,
    /** Reads the marked rows by id. */
    stale: (): IterableIterator<StaleRow> => prepared().stale.iterate(),
  };
}

function prepareBase(client: Database.Database) {
  client.exec(`
    create temp table base_rows (row_id text primary key, split integer not null, sum blob not null, reason text) without rowid;
    create temp table base_files (sha256 text not null, split integer not null, primary key (sha256, split)) without rowid`);
  return {
    addRow: client.prepare<[string, number, Uint8Array]>(`insert into base_rows (row_id, split, sum) values (?, ?, ?)`),
    addFile: client.prepare<[string, number]>(`insert into base_files (sha256, split) values (?, ?) on conflict do nothing`),
    sumOf: client.prepare<[string], Buffer>(`select sum from base_rows where row_id = ?`).pluck(),
    markChanged: client.prepare<[string]>(`update base_rows set reason = 'changed' where row_id = ?`),
    markGone: client.prepare(
      `update base_rows as b set reason = 'gone' where not exists (
        select 1 from plan_rows as q where q.row_id = b.row_id and q.split in (0, 1, 2))`,
    ),
    dropKnown: client.prepare(`delete from plan_rows where row_id in (select row_id from base_rows)`),
    dropOfOtherSplit: client.prepare(`
      delete from plan_rows as q where exists (
        select 1 from images as i join base_files as f on f.sha256 = i.sha256 where f.split <> q.split and i.image_id in (
          select p.chosen from preferences as p where p.place = q.place
          union all
          select r.image_id from preference_rejected as r where r.place = q.place))`),
    stale: client.prepare<[], StaleRow>(`select row_id as rowId, reason from base_rows where reason is not null order by row_id`),
  };
}
