import type { Inspection } from "../../../images/inspection.ts";
import type { Db } from "../../open.ts";

/** A stored image that no one has looked at yet. */
export interface UninspectedImage {
  readonly imageId: string;
  readonly key: string;
  readonly sizeBytes: number;
}

export interface InspectionRow {
  readonly imageId: string;
  /** Null where the image could not be decoded; `error` says why. */
  readonly inspection: Inspection | null;
  readonly error: string | null;
}

interface OpenRow {
  readonly row: number;
  readonly imageId: string;
  readonly key: string | null;
  readonly sizeBytes: number | null;
  readonly state: "listed" | "stored";
}

export type InspectionQueries = ReturnType<typeof inspectionQueries>;

/** Prepares what inspection reads and writes: images in row order without an inspection, and the inspections. */
export function inspectionQueries({ client }: Pick<Db, "client">) {
  const pageEnd = client
    .prepare<[number, number], number | null>(
      `select max(row) from (select rowid as row from images where rowid > ? order by rowid limit ?)`,
    )
    .pluck();
  // `+state` keeps SQLite from going by the index on it, through every stored image for each page.
  const open = client.prepare<[number, number], OpenRow>(`
    select images.rowid as row, image_id as imageId, key, bytes as sizeBytes, state from images
    where images.rowid > ? and images.rowid <= ? and (+state = 'listed' or (+state = 'stored'
      and not exists (select 1 from inspections where inspections.image_id = images.image_id)))
    order by images.rowid`);
  const insert = client.prepare(`
    insert into inspections (image_id, pixel_sha256, perceptual_hash, width, height, luma_std, sharpness, entropy, error)
    values (?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict (image_id) do nothing`);
  const insertAll = client.transaction((rows: readonly InspectionRow[]) => {
    for (const { imageId, inspection: seen, error } of rows) {
      insert.run(
        imageId,
        seen?.pixelSha256,
        seen?.perceptualHash,
        seen?.widthPx,
        seen?.heightPx,
        seen?.lumaStd,
        seen?.sharpness,
        seen?.entropy,
        error,
      );
    }
  });

  return {
    /** Looks at `rows` images after row `afterRow`: those to inspect, and the first that is, or may become, one to inspect. */
    page(afterRow: number, rows: number) {
      const lastRow = pageEnd.get(afterRow, rows) ?? null;
      const found = lastRow === null ? [] : open.all(afterRow, lastRow);
      const items = found.flatMap(({ imageId, key, sizeBytes, state }): UninspectedImage[] =>
        state === "stored" && key !== null && sizeBytes !== null ? [{ imageId, key, sizeBytes }] : [],
      );
      return { items, lastRow, firstOpenRow: found[0]?.row ?? null };
    },
    /** Writes all or none. An inspection that exists already stays: the image is the same. */
    insertAll: (rows: readonly InspectionRow[]): void => insertAll.immediate(rows),
  };
}
