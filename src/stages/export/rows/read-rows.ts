import type { ExportSnapshot } from "../../../db/queries/export/export-snapshot.ts";
import type { ImageScoreRecord } from "../../../db/queries/export/row-records.ts";
import type { Row } from "../../../exporters/row.ts";
import { toRow, type RowFacts } from "./row.ts";

export interface ReadOptions extends SplitRows {
  readonly facts: RowFacts;
  /** Throws where the export is to stop. */
  readonly checkpoint: () => Promise<void>;
}

/**
 * Reads the rows of a split: those at the front, then the others by id. Holds one page in memory, but one prompt at a time, because prompts
 * have no limit in size.
 */
export async function* readRows(snapshot: ExportSnapshot, { facts, checkpoint, ...rows }: ReadOptions): AsyncGenerator<Row> {
  for (const rowIds of rowIdPages(snapshot, rows)) {
    yield* readPage(snapshot, { rowIds, facts });
    await checkpoint();
  }
}

interface Page {
  readonly rowIds: readonly string[];
  readonly facts: RowFacts;
}

function* readPage(snapshot: ExportSnapshot, { rowIds, facts }: Page): Generator<Row> {
  const shown = snapshot.readImages(rowIds);
  const imagesByRow = Map.groupBy(shown, ({ rowId }) => rowId);
  const referencesByRow = Map.groupBy(snapshot.readReferences(rowIds), ({ rowId }) => rowId);
  const imageIds = [...new Set(shown.map(({ imageId }) => imageId))];
  const scores: ReadonlyMap<string, readonly ImageScoreRecord[]> = Map.groupBy(snapshot.readScores(imageIds), ({ imageId }) => imageId);
  for (const rowId of rowIds) {
    const [images, references] = [imagesByRow.get(rowId) ?? [], referencesByRow.get(rowId) ?? []];
    yield toRow({ row: snapshot.readRow(rowId), images, references, scores }, facts);
  }
}

const PAGE_ROWS = 256;

export interface SplitRows {
  /** Number of the split in the plan. */
  readonly split: number;
  /** Ids of the rows that stand first. */
  readonly front: readonly string[];
}

/** Yields the ids of the rows of a split in the order of an export, a page at a time: those at the front, then the others. */
export function* rowIdPages(snapshot: Pick<ExportSnapshot, "rowIds">, { split, front }: SplitRows): Generator<readonly string[]> {
  yield front;
  for (let after = ""; ;) {
    const rowIds = snapshot.rowIds(split, { after, count: PAGE_ROWS });
    after = rowIds.at(-1) ?? "";
    if (after === "") return;
    yield rowIds.filter((rowId) => !front.includes(rowId));
  }
}
