import type Database from "better-sqlite3";
import { openReadonly } from "../../open.ts";
import { datasetFacts, isPlanned, IS_OF_PLAN, planQueries, REFERENCES } from "./export-plan.ts";
import type { RowImageRecord, RowRecord, RowReferenceRecord, ImageScoreRecord, ExportedImage } from "./row-records.ts";
import { plannedRowQueries, uriSql } from "./scan-rows.ts";

export interface ExportScope {
  readonly pairSet: string;
  /** Stands before an image's key instead of its store's URI. */
  readonly uriPrefix: string;
  /** False: rows do not name the images that their prompts come with. */
  readonly withReferences: boolean;
}

/** SQLite's page cache of an export, KiB. Tables are read once, in their order, and the indexes of hashes fit in no cache. */
const CACHE_KIB = 4 * 1024;

export type ExportSnapshot = ReturnType<typeof openExportSnapshot>;

/**
 * Opens one consistent view of the database for one export, on a connection of its own: it does not see what stages write meanwhile. Close
 * it: an open view keeps the write-ahead log from being emptied.
 */
export function openExportSnapshot(file: string, { pairSet, uriPrefix, withReferences }: ExportScope) {
  const db = openReadonly(file);
  const { client } = db;
  // The temporary tables have a cache of their own.
  for (const schema of ["main", "temp"]) client.pragma(`${schema}.cache_size = -${CACHE_KIB}`);
  // Images of the tables beside the rows.
  client.exec(`begin; create temp table table_images (table_name text not null, id text not null, image_id text not null,
    primary key (table_name, id, image_id)) without rowid`);
  return {
    ...planQueries(client, { pairSet, withReferences }),
    ...datasetFacts(client, pairSet),
    ...plannedRowQueries(client, uriPrefix),
    ...rowQueries(client, { pairSet, uriPrefix, withReferences }),
    /** The same view and scope, for other queries. */
    view: db,
    scope: { pairSet, uriPrefix },
    close: (): void => db.close(),
  };
}

/** Reads planned rows by their ids. */
function rowQueries(client: Database.Database, { pairSet, uriPrefix, withReferences }: ExportScope) {
  // The value stands in a subquery: where a bound value may change the plan, SQLite makes it anew for each, which takes five times as long.
  const row = client.prepare<[string], RowRecord>(`
    select q.row_id as rowId, prompt_key as promptKey, prompt, sent, negative, bound, source_id as sourceId, meta,
      criterion, source, margin, agreement, n_votes as nVotes, n_candidates as nCandidates
    from (select ? as ofRow) cross join plan_rows as q on ${IS_OF_PLAN} and q.row_id = ofRow cross join preferences using (place)
      cross join prompts using (prompt_key)`);
  // CROSS JOIN, which keeps the order of the tables: the planner would go through all rows for each list of ids.
  const references = client.prepare<[{ uriPrefix: string; rowIds: string }], RowReferenceRecord>(`
    select p.row_id as rowId, r.key as name, ${uriSql("f")} as uri, f.sha256 from json_each(@rowIds) as ids
      cross join plan_rows as q on ${IS_OF_PLAN} and q.row_id = ids.value cross join preferences as p using (place)
      cross join ${REFERENCES} where prompts.prompt_key = p.prompt_key`);
  const images = client.prepare<[{ uriPrefix: string; rowIds: string }], RowImageRecord>(`
    with members (row_id, rank, image_id, score) as (
      select q.row_id, -1, p.chosen, p.chosen_score from json_each(@rowIds) as ids
        cross join plan_rows as q on ${IS_OF_PLAN} and q.row_id = ids.value cross join preferences as p using (place)
      union all
      select q.row_id, r.rank, r.image_id, r.score from json_each(@rowIds) as ids
        cross join plan_rows as q on ${IS_OF_PLAN} and q.row_id = ids.value cross join preference_rejected as r using (place))
    select row_id as rowId, members.rank, i.image_id as imageId, score, ${uriSql("i")} as uri, i.sha256, jobs.seed, i.batch_index as batchIndex, jobs.variant,
      adopted_images.params, coalesce(inspections.width, i.width) as widthPx, coalesce(inspections.height, i.height) as heightPx
    from members join images as i using (image_id) join jobs using (job) left join inspections using (image_id)
      left join adopted_images using (image_id) order by row_id, members.rank`);
  const scores = client.prepare<[string], ImageScoreRecord>(`
    select image_id as imageId, judge, version, score from json_each(?) as ids cross join scores on image_id = ids.value and criterion = ''`);
  const shown = `${uriSql("i")} as uri, i.sha256, i.bytes, 0 as isReference, i.image_id as id`;
  const imagesBeside = client.prepare<[{ pairSet: string; uriPrefix: string; withReferences: 0 | 1 }], ExportedImage>(`
    select ${shown} from temp.table_images as t cross join images as i on i.image_id = t.image_id
    union all
    select distinct ${uriSql("f")} as uri, f.sha256, f.bytes, 1 as isReference, f.sha256 as id from ${REFERENCES}
    where @withReferences and prompts.reference_files <> '{}' and exists (
      select 1 from preferences as p where p.prompt_key = prompts.prompt_key and ${isPlanned("0, 1, 2")})`);

  return {
    readRow(rowId: string): RowRecord {
      const found = row.get(rowId);
      if (found === undefined) throw new Error(`row ${rowId} left the snapshot`);
      return found;
    },
    /** Reads the images of some rows, by row, the chosen first. */
    readImages: (ids: readonly string[]): readonly RowImageRecord[] => images.all({ uriPrefix, rowIds: JSON.stringify(ids) }),
    /** Reads the images that the prompts of some rows come with. */
    readReferences: (ids: readonly string[]): readonly RowReferenceRecord[] =>
      withReferences ? references.all({ uriPrefix, rowIds: JSON.stringify(ids) }) : [],
    readScores: (imageIds: readonly string[]): readonly ImageScoreRecord[] => scores.all(JSON.stringify(imageIds)),
    /** Reads every image of tables beside the rows, and every reference image. One may come several times. */
    imagesBeside: (): IterableIterator<ExportedImage> =>
      imagesBeside.iterate({ pairSet, uriPrefix, withReferences: withReferences ? 1 : 0 }),
  };
}
