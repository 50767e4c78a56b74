import type { ImageCell, Row } from "../../../exporters/exporter.ts";
import { rowIdOf } from "../../../identity.ts";
import { marginOf } from "./row.ts";

/** One chosen and one rejected image of a row. */
export interface RowPair {
  /** The id that a row of these two would have. */
  readonly id: string;
  readonly row: Row;
  readonly chosen: ImageCell;
  readonly rejected: ImageCell;
  readonly margin: number | null;
}

/** The pairs of a row, clearest last: in the order of its rejected images. */
export function pairsOf(row: Row): readonly RowPair[] {
  const { chosen, promptKey, criterion } = row;
  return row.rejected.map((rejected, index) => ({
    id: rowIdOf(promptKey, criterion, chosen.imageId, [rejected.imageId]),
    row,
    chosen,
    rejected,
    // What linking kept is about the first.
    margin: marginOf(chosen.score, { rejectedScore: rejected.score, kept: index === 0 ? row.margin : null }),
  }));
}
