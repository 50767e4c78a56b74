import type Database from "better-sqlite3";
import { alignedRows } from "./aligned-rows.ts";
import { rowsInOrder } from "./rows-in-order.ts";

export interface RejectedImage {
  readonly imageId: string;
  readonly score: number | null;
}

type RejectedTuple = [place: number, rowId: string, rank: number, imageId: string, score: number | null];

interface OwnRejected {
  readonly rowId: string;
  readonly images: RejectedImage[];
}

/**
 * For one pass over the links of a pair set in their order: the rejected images of each, best first, mostly without a look-up by its hash.
 * Linking writes them right after their link, so that both tables have one order.
 */
export function rejectedAlong(client: Database.Database, pairSet: string): (rowId: string) => readonly RejectedImage[] {
  const page = client
    .prepare<[string, number, number], RejectedTuple>(
      `select rowid, row_id, rank, image_id, score from preference_rejected where +pair_set = ? and rowid > ? order by rowid limit ?`,
    )
    .raw();
  const ofRow = client
    .prepare<[string, string], [string, number | null]>(
      `select image_id, score from preference_rejected where pair_set = ? and row_id = ? order by rank`,
    )
    .raw();
  const lookUp = (rowId: string): OwnRejected => ({
    rowId,
    images: ofRow.all(pairSet, rowId).map(([imageId, score]) => ({ imageId, score })),
  });
  const groups = grouped(
    rowsInOrder((after, count) => page.all(pairSet, after, count)),
    lookUp,
  );
  const find = alignedRows(groups, { keyOf: ({ rowId }) => rowId, lookUp });
  return (rowId) => find(rowId)?.images ?? [];
}

/** What stands together, of one row. One whose ranks do not stand in their order is looked up. */
function* grouped(rows: Iterable<RejectedTuple>, lookUp: (rowId: string) => OwnRejected): Generator<OwnRejected> {
  let own: OwnRejected | undefined;
  let isInOrder = true;
  for (const [, rowId, rank, imageId, score] of rows) {
    if (rowId !== own?.rowId) {
      if (own !== undefined) yield isInOrder ? own : lookUp(own.rowId);
      own = { rowId, images: [] };
      isInOrder = true;
    }
    if (rank !== own.images.length) isInOrder = false;
    own.images.push({ imageId, score });
  }
  if (own !== undefined) yield isInOrder ? own : lookUp(own.rowId);
}
