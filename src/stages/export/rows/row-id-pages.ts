import type { ExportSnapshot } from "../../../db/queries/export/export-rows.ts";

const PAGE_ROWS = 256;

export interface SplitRows {
  /** Number of the split in the plan. */
  readonly split: number;
  /** Ids of the rows that stand first. */
  readonly front: readonly string[];
}

/** Ids of the rows of a split in the order of an export, some at a time: those at the front, then the others. */
export function* rowIdPages(snapshot: Pick<ExportSnapshot, "rowIds">, { split, front }: SplitRows): Generator<readonly string[]> {
  yield front;
  for (let after = ""; ;) {
    const rowIds = snapshot.rowIds(split, { after, count: PAGE_ROWS });
    after = rowIds.at(-1) ?? "";
    if (after === "") return;
    yield rowIds.filter((rowId) => !front.includes(rowId));
  }
}
