import type { Db } from "../../open.ts";
import { SHOWS } from "./export-plan.ts";
import { uriSql } from "./scan-rows.ts";

/** A row that waits until every table is known. */
export interface WaitingRow {
  readonly id: string;
  /** Number of its split in the plan. */
  readonly split: number;
  /** One line of JSON. */
  readonly json: string;
  /** The images that it shows. */
  readonly imageIds: readonly string[];
}

export interface TableImageRecord {
  readonly imageId: string;
  /** Null where it is not stored. */
  readonly uri: string | null;
  readonly sha256: string | null;
  readonly seed: string;
  readonly widthPx: number | null;
  readonly heightPx: number | null;
  readonly variant: string;
}

export interface TableVoteRecord {
  readonly voteId: string;
  readonly promptKey: string;
  readonly prompt: string;
  readonly criterion: string;
  readonly annotator: string;
  /** JSON array of image_ids, in the order shown. */
  readonly shown: string;
  /** JSON array of arrays of image_ids, best first. */
  readonly ranking: string;
  readonly kind: "choice" | "tie" | "both_bad" | "skip";
  readonly durationMs: number | null;
  readonly purpose: "task" | "gold" | "repeat";
  /** 1 where an image of it was made again since. */
  readonly isRemade: 0 | 1;
}

/** An image's file in the store. */
export interface StoredImageRecord {
  readonly imageId: string;
  readonly key: string;
  readonly bytes: number;
  readonly sha256: string;
}

export interface TableScope {
  readonly pairSet: string;
  readonly uriPrefix: string;
}

export type TableQueries = ReturnType<typeof tableQueries>;

/**
 * Reads what tables beside the rows need, in the view of one export. Their rows wait in a temporary table until every table is known: only
 * then is it known which images two splits would show.
 */
export function tableQueries({ client }: Pick<Db, "client">, scope: TableScope) {
  client.exec(`
    create temp table if not exists table_rows (table_name text not null, split integer not null, id text not null, json text not null,
      primary key (table_name, split, id)) without rowid;
    create temp table if not exists file_owners (sha256 text primary key, split integer not null) without rowid`);
  const insertRow = client.prepare(`insert into table_rows (table_name, split, id, json) values (?, ?, ?, ?) on conflict do nothing`);
  const insertImage = client.prepare(`insert into table_images (table_name, id, image_id) values (?, ?, ?) on conflict do nothing`);
  const countRows = client.prepare<[string, number], number>(`select count(*) from table_rows where table_name = ? and split = ?`).pluck();
  const rows = client.prepare<[string, number, string, number], { id: string; json: string }>(
    `select id, json from table_rows where table_name = ? and split = ? and id > ? order by id limit ?`,
  );
  const images = client.prepare<[{ ids: string; uriPrefix: string }], TableImageRecord>(`
    select i.image_id as imageId, case when i.state = 'stored' then ${uriSql("i")} end as uri, i.sha256, jobs.seed, jobs.variant,
      coalesce(inspections.width, i.width) as widthPx, coalesce(inspections.height, i.height) as heightPx
    from json_each(@ids) as ids cross join images as i on i.image_id = ids.value cross join jobs using (job) left join inspections using (image_id)`);
  const votes = client.prepare<[string, number], TableVoteRecord>(`
    select votes.vote_id as voteId, prompt_key as promptKey, prompts.prompt, criterion, annotator, shown, ranking, kind,
      duration_ms as durationMs, coalesce(page_votes.purpose, 'task') as purpose,
      exists (select 1 from vote_pictures as seen left join images using (image_id)
        where seen.vote_id = votes.vote_id and images.sha256 is not seen.sha256) as isRemade
    from votes join prompts using (prompt_key) left join page_votes using (vote_id)
    where votes.vote_id > ? and page_votes.undone_at_ms is null and not exists (
      select 1 from annotators where annotators.name = votes.annotator and annotators.excluded_at_ms is not null)
    order by votes.vote_id limit ?`);
  const prompt = client.prepare<[string], { prompt: string; negative: string }>(
    `select prompt, negative from prompts where prompt_key = ?`,
  );
  // The values stand in a subquery, as in export-snapshot.ts. Else SQLite makes a plan for each.
  const pairsOfPrompt = client
    .prepare<[{ pairSet: string; promptKey: string }], number>(
      `select count(*) from (select @pairSet as ofSet, @promptKey as ofPrompt) cross join preferences as p on p.prompt_key = ofPrompt and p.pair_set = ofSet
        cross join preference_rejected as r using (place)
      where exists (select 1 from plan_rows as q where q.place = p.place and q.split in (0, 1, 2))`,
    )
    .pluck();
  const pairsOfSplit = client
    .prepare<[number], number>(`select count(*) from plan_rows as q cross join preference_rejected as r using (place) where q.split = ?`)
    .pluck();
  // CROSS JOIN, as in export-snapshot.ts.
  const pairBytes = client
    .prepare<[string], number>(
      `select sum(coalesce(c.bytes, 0) + coalesce(i.bytes, 0)) from json_each(?) as ids
        cross join plan_rows as q on q.split in (0, 1, 2) and q.row_id = ids.value
        cross join preferences as p using (place) cross join preference_rejected as r using (place)
        left join images as c on c.image_id = p.chosen and c.state = 'stored' left join images as i on i.image_id = r.image_id and i.state = 'stored'
      group by ids.key order by ids.key`,
    )
    .pluck();
  const storedImages = client.prepare<[string], StoredImageRecord>(
    `select i.image_id as imageId, i.key, i.bytes, i.sha256 from json_each(?) as ids cross join images as i on i.image_id = ids.value where i.state = 'stored'`,
  );

  return {
    add: client.transaction((table: string, waiting: readonly WaitingRow[]) => {
      for (const { id, split, json, imageIds } of waiting) {
        insertRow.run(table, split, id, json);
        for (const imageId of imageIds) insertImage.run(table, id, imageId);
      }
    }),
    /**
     * Takes out rows with a file that another split shows: the split of the pair set's rows keeps it, else the earliest. Returns how many
     * went, by table. Called once, when every table has its rows.
     */
    settle(): Readonly<Record<string, number>> {
      client.exec(OWN_FILES);
      client.prepare(OWN_LINKED_FILES).run({ pairSet: scope.pairSet });
      const gone = client
        .prepare<[], { table: string; count: number }>(`${FOREIGN} select table_name as "table", count(*) as count from gone group by 1`)
        .all();
      client.exec(DELETE_FOREIGN);
      client.exec(
        `delete from table_images where not exists (select 1 from table_rows as t where t.table_name = table_images.table_name and t.id = table_images.id)`,
      );
      return Object.fromEntries(gone.map(({ table, count }) => [table, count]));
    },
    countRows: (table: string, split: number): number => countRows.get(table, split) ?? 0,
    /** Reads the next rows of a table in the order of their ids, as lines. */
    readRows: (table: string, { split, after, count }: { readonly split: number; readonly after: string; readonly count: number }) =>
      rows.all(table, split, after, count),
    readImages: (ids: readonly string[]): readonly TableImageRecord[] =>
      images.all({ ids: JSON.stringify(ids), uriPrefix: scope.uriPrefix }),
    /**
     * Reads the next votes after one ("" for the first), in the order of their ids, known answers and repeats included. Undone votes, and
     * those of excluded people, are left out.
     */
    readVotes: (after: string, count: number): readonly TableVoteRecord[] => votes.all(after, count),
    readPrompt: (promptKey: string): { readonly prompt: string; readonly negative: string } =>
      prompt.get(promptKey) ?? { prompt: "", negative: "" },
    /** Counts the pairs of a prompt in this export. */
    pairsOfPrompt: (promptKey: string): number => pairsOfPrompt.get({ pairSet: scope.pairSet, promptKey }) ?? 0,
    pairsOfSplit: (split: number): number => pairsOfSplit.get(split) ?? 0,
    /** Returns the bytes of the files of all pairs of each of these rows, in their order. The chosen image counts in each of its pairs. */
    readPairBytes: (rowIds: readonly string[]): readonly number[] => pairBytes.all(JSON.stringify(rowIds)),
    readStoredImages: (ids: readonly string[]): readonly StoredImageRecord[] => storedImages.all(JSON.stringify(ids)),
    /** Returns the random id of the dataset, made with the database. It is in no export. */
    datasetId: (): string => client.prepare<[], string>(`select dataset_id from dataset where id = 1`).pluck().get() ?? "",
  };
}

const OWN_FILES = `
  insert into file_owners (sha256, split)
  select i.sha256, min(t.split) from table_rows as t join table_images as m on m.table_name = t.table_name and m.id = t.id
    join images as i on i.image_id = m.image_id where i.sha256 is not null group by i.sha256`;

// Rows of `default` do not depend on the tables beside them.
const OWN_LINKED_FILES = `
  update file_owners set split = linked.split from (
    select o.sha256, min(q.split) as split from file_owners as o join images as i on i.sha256 = o.sha256
      join preferences as p on p.pair_set = @pairSet and p.prompt_key = i.prompt_key and ${SHOWS}
      join plan_rows as q on q.split in (0, 1, 2) and q.place = p.place group by o.sha256) as linked
  where linked.sha256 = file_owners.sha256`;

const FOREIGN = `
  with gone as (select t.table_name, t.split, t.id from table_rows as t where exists (
    select 1 from table_images as m join images as i on i.image_id = m.image_id join file_owners as o on o.sha256 = i.sha256
    where m.table_name = t.table_name and m.id = t.id and o.split <> t.split))`;

const DELETE_FOREIGN = `${FOREIGN} delete from table_rows where (table_name, split, id) in (select table_name, split, id from gone)`;
