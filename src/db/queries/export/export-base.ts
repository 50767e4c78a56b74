import type Database from "better-sqlite3";

export interface BaseRow {
  readonly rowId: string;
  /** Number of its split in the plan. */
  readonly split: number;
  /** SHA-256 of its line. */
  readonly sum: Uint8Array;
  /** Hex, of its images' files. */
  readonly files: readonly string[];
}

export interface StaleRow {
  readonly rowId: string;
  readonly reason: "gone" | "changed";
}

export type ExportBase = ReturnType<typeof exportBase>;

/**
 * The rows that earlier versions have, beside the plan of an export (`plan_rows`), in temporary tables of its connection: what of the plan
 * is new, and what of theirs no longer holds.
 */
export function exportBase(client: Database.Database) {
  const prepared = (): ReturnType<typeof prepareBase> => (statements ??= prepareBase(client));
  let statements: ReturnType<typeof prepareBase> | undefined;
  return {
    add({ rowId, split, sum, files }: BaseRow): void {
      prepared().addRow.run(rowId, split, sum);
      for (const sha256 of files) prepared().addFile.run(sha256, split);
    },
    /** SHA-256 of the line that the earlier versions have; undefined where they have no such row. */
    sumOf: (rowId: string): Buffer | undefined => prepared().sumOf.get(rowId),
    /** Says that the row would be written otherwise today. */
    markChanged: (rowId: string): void => void prepared().markChanged.run(rowId),
    /** Marks rows that no plan has; to be called before dropKnown(). */
    markGone: (): number => prepared().markGone.run().changes,
    /** Takes out of the plan what the earlier versions have. */
    dropKnown: (): number => prepared().dropKnown.run().changes,
    /** Takes new rows out that show a file which an earlier version has in another split. */
    dropOfOtherSplit: (): number => prepared().dropOfOtherSplit.run().changes,
    /** By id. */
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
