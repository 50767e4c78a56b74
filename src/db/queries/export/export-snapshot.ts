import { openReadonly } from "../../open.ts";
import { countMixedPrompts, imagesByEpoch } from "../jobs/epochs.ts";
import { exportBase } from "./export-base.ts";
import { linkedRows, plannedRowQueries } from "./scan-rows.ts";
import type {
  LinkedRow,
  PlannedRow,
  RowImageRecord,
  RowRecord,
  RowReferenceRecord,
  ImageScoreRecord,
  ExportedImage,
} from "./row-records.ts";

export interface ExportScope {
  readonly pairSet: string;
  /** Stands before an image's key instead of its store's URI; null: URIs as they are. */
  readonly uriPrefix: string;
  /** False: rows do not name the images that their prompts come with. */
  readonly withReferences: boolean;
}

/** SQLite's page cache of an export, KiB: tables are read once, in their order, and the indexes of hashes fit in no cache. */
const CACHE_KIB = 4 * 1024;

export type ExportSnapshot = ReturnType<typeof openExportSnapshot>;

/** SQL: row `p` shows image `i`. */
export const SHOWS = `(p.chosen = i.image_id or exists (
  select 1 from preference_rejected as r where r.place = p.place and r.image_id = i.image_id))`;

/** SQL: entry `q` of the plan has a split; by its index. */
const IS_OF_PLAN = `q.split in (0, 1, 2)`;

/** SQL: row `p` is of this pair set and goes to one of the splits. */
const isPlanned = (splits: string): string =>
  `(p.pair_set = @pairSet and exists (select 1 from plan_rows as q where q.place = p.place and q.split in (${splits})))`;

/** SQL: images of rows of a split. */
const IMAGES_OF_SPLIT = `(
  select q.row_id, i.sha256 from plan_rows as q cross join preferences as p using (place)
    cross join images as i on i.image_id = p.chosen where q.split = @split
  union all
  select q.row_id, i.sha256 from plan_rows as q cross join preference_rejected as r using (place)
    cross join images as i on i.image_id = r.image_id where q.split = @split)`;

export const uriOf = (table: "i" | "f"): string => `@uriPrefix || ${table}.key`;

/** SQL: images `f` of prompts, `r.key` the name. JSON of text alone, which SQLite reads exactly. */
const REFERENCES = `prompts join json_each(prompts.reference_files) as r left join reference_files as f on f.sha256 = r.value`;

/**
 * One consistent view of the database for one export, on a connection of its own: what stages write meanwhile is not seen. The plan
 * (which row goes where) is a temporary table, so that memory does not grow with the dataset. To be closed: an open view keeps the
 * write-ahead log from being emptied.
 */
export function openExportSnapshot(file: string, { pairSet, uriPrefix, withReferences }: ExportScope) {
  const db = openReadonly(file);
  const { client } = db;
  const scope = { pairSet, uriPrefix };
  // The temporary tables have a cache of their own.
  for (const schema of ["main", "temp"]) client.pragma(`${schema}.cache_size = -${CACHE_KIB}`);
  client.exec(`begin; create temp table plan_rows (
    place integer primary key, split integer not null, row_id text not null, fills integer not null)`);
  client.exec(`create temp table shared_files (sha256 text primary key) without rowid`);
  // Of tables beside the rows.
  client.exec(`create temp table table_images (table_name text not null, id text not null, image_id text not null,
    primary key (table_name, id, image_id)) without rowid`);

  const insert = client.prepare(`insert into plan_rows (place, split, row_id, fills) values (?, ?, ?, ?)`);

  const fillers = client.prepare<[number], { rowId: string; fills: number }>(
    `select min(row_id) as rowId, fills from plan_rows where split = ? group by fills`,
  );
  const countRows = client.prepare<[number], number>(`select count(*) from plan_rows where split = ?`).pluck();
  const rowIds = client
    .prepare<[number, string, number], string>(`select row_id from plan_rows where split = ? and row_id > ? order by row_id limit ?`)
    .pluck();
  const allRowIds = client.prepare<[number], string>(`select row_id from plan_rows where split = ? order by row_id`).pluck();
  // The value stands in a subquery: where a bound value may change the plan, SQLite makes it anew for each, which takes five times as long.
  const row = client.prepare<[string], RowRecord>(`
    select q.row_id as rowId, prompt_key as promptKey, prompt, sent, negative, bound, source_id as sourceId, meta,
      criterion, source, margin, agreement, n_votes as nVotes, n_candidates as nCandidates
    from (select ? as ofRow) cross join plan_rows as q on ${IS_OF_PLAN} and q.row_id = ofRow cross join preferences using (place)
      cross join prompts using (prompt_key)`);
  // CROSS JOIN, which keeps the order of the tables: the planner would go through all rows for each list of ids.
  const references = client.prepare<[{ uriPrefix: string; rowIds: string }], RowReferenceRecord>(`
    select p.row_id as rowId, r.key as name, ${uriOf("f")} as uri, f.sha256 from json_each(@rowIds) as ids
      cross join plan_rows as q on ${IS_OF_PLAN} and q.row_id = ids.value cross join preferences as p using (place)
      cross join ${REFERENCES} where prompts.prompt_key = p.prompt_key`);
  const images = client.prepare<[{ uriPrefix: string; rowIds: string }], RowImageRecord>(`
    with members (row_id, rank, image_id, score) as (
      select q.row_id, -1, p.chosen, p.chosen_score from json_each(@rowIds) as ids
        cross join plan_rows as q on ${IS_OF_PLAN} and q.row_id = ids.value cross join preferences as p using (place)
      union all
      select q.row_id, r.rank, r.image_id, r.score from json_each(@rowIds) as ids
        cross join plan_rows as q on ${IS_OF_PLAN} and q.row_id = ids.value cross join preference_rejected as r using (place))
    select row_id as rowId, members.rank, i.image_id as imageId, score, ${uriOf("i")} as uri, i.sha256, jobs.seed, i.batch_index as batchIndex, jobs.variant,
      adopted_images.params, coalesce(inspections.width, i.width) as widthPx, coalesce(inspections.height, i.height) as heightPx
    from members join images as i using (image_id) join jobs using (job) left join inspections using (image_id)
      left join adopted_images using (image_id) order by row_id, members.rank`);
  const scores = client.prepare<[string], ImageScoreRecord>(`
    select image_id as imageId, judge, version, score from json_each(?) as ids cross join scores on image_id = ids.value and criterion = ''`);
  const shown = `${uriOf("i")} as uri, i.sha256, i.bytes, 0 as isReference, i.image_id as id`;
  const imagesBeside = client.prepare<[{ pairSet: string; uriPrefix: string; withReferences: 0 | 1 }], ExportedImage>(`
    select ${shown} from temp.table_images as t cross join images as i on i.image_id = t.image_id
    union all
    select distinct ${uriOf("f")} as uri, f.sha256, f.bytes, 1 as isReference, f.sha256 as id from ${REFERENCES}
    where @withReferences and prompts.reference_files <> '{}' and exists (
      select 1 from preferences as p where p.prompt_key = prompts.prompt_key and ${isPlanned("0, 1, 2")})`);

  return {
    /** Every linked row of the pair set, as they lie. Between two of them the plan may be written. */
    linkedRows: (): Generator<LinkedRow> => linkedRows(client, pairSet),
    plan(rows: readonly PlannedRow[]): void {
      for (const { place, split, rowId, fills } of rows) insert.run(place, split, rowId, fills);
    },
    /** To be called once all rows are planned: one sort costs less than as many insertions. */
    sortPlan: (): void => void client.exec(`create index temp.plan_rows_id on plan_rows (split, row_id)`),
    /** Takes rows with an image that is no longer stored out of the plan; answers how many. */
    dropUnstored: (): number => client.prepare(DROP_UNSTORED).run({ pairSet }).changes,
    /** Takes rows with a reference image that is not stored out of the plan; answers how many. */
    dropUnstoredReferences: (): number => (withReferences ? client.prepare(DROP_UNSTORED_REFERENCES).run({ pairSet }).changes : 0),
    /** Takes rows of split `later` with a file that a row of split `earlier` shows out of the plan; answers how many. */
    dropShared(earlier: number, later: number): number {
      client.exec(`delete from shared_files`);
      client.prepare(findShared(earlier)).run({ pairSet, split: later });
      return client.prepare(DROP_SHARED).run({ pairSet, split: later }).changes;
    },

    /** For each set of optional columns that rows of the split fill: the first such row. */
    fillers: (split: number) => fillers.all(split),
    countRows: (split: number): number => countRows.get(split) ?? 0,
    countPrompts: (): number => client.prepare<[], number>(COUNT_PROMPTS).pluck().get() ?? 0,
    /** The first seed of a planned row that a double cannot hold, by prompt; undefined where there is none. */
    firstLargeSeed: () => client.prepare<[{ pairSet: string }], { seed: string; prompt: string }>(FIRST_LARGE_SEED).get({ pairSet }),
    /** True if images were adopted whose seed nobody knows, whether or not a row shows one. */
    hasUnknownSeeds: (): boolean => client.prepare(`select 1 from jobs where adopted = 1 and seed = '-1' limit 1`).get() !== undefined,
    /** What stored images were made by, and how many prompts have images of several. */
    madeBy: () => ({ servers: imagesByEpoch({ client }), mixedPrompts: countMixedPrompts({ client }) }),
    variants: () =>
      client.prepare<[], { variant: string; model: string; params: string }>(`select variant, model, params from variants`).all(),
    /** What linking left out, by unit and reason. */
    drops: () =>
      client
        .prepare<[string], { unit: string; reason: string; count: number }>(
          `select unit, reason, sum(count) as count from drops where pair_set = ? group by unit, reason order by unit, reason`,
        )
        .all(pairSet),

    /** Ids of the rows of a split, in their order. */
    allRowIds: (split: number): IterableIterator<string> => allRowIds.iterate(split),
    ...plannedRowQueries(client, { uriOf: uriOf("i"), uriPrefix }),
    rowIds: (split: number, { after, count }: { readonly after: string; readonly count: number }) => rowIds.all(split, after, count),
    row(rowId: string): RowRecord {
      const found = row.get(rowId);
      if (found === undefined) throw new Error(`row ${rowId} left the snapshot`);
      return found;
    },
    /** The images of some rows, by row, the chosen first. */
    imagesOf: (ids: readonly string[]): readonly RowImageRecord[] => images.all({ uriPrefix, rowIds: JSON.stringify(ids) }),
    /** The images that the prompts of some rows come with. */
    referencesOf: (ids: readonly string[]): readonly RowReferenceRecord[] =>
      withReferences ? references.all({ uriPrefix, rowIds: JSON.stringify(ids) }) : [],
    scoresOf: (imageIds: readonly string[]): readonly ImageScoreRecord[] => scores.all(JSON.stringify(imageIds)),
    /** Every image of tables beside the rows, and every reference image of these, as often as it may be. */
    imagesBeside: (): IterableIterator<ExportedImage> => imagesBeside.iterate({ ...scope, withReferences: withReferences ? 1 : 0 }),
    /** Rows of earlier versions, for an export of what is new. */
    base: exportBase(client),
    /** The same view and scope, for other queries. */
    view: db,
    scope,
    close: (): void => db.close(),
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
