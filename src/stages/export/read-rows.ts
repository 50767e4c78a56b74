import type { ExportSnapshot, ImageScoreRecord } from "../../db/queries/export-rows.ts";
import type { Row } from "../../exporters/exporter.ts";
import { toRow, type RowFacts } from "./row.ts";

/** Rows whose images are read together; their prompts, which have no limit in size, one by one. */
const PAGE_ROWS = 256;

export interface ReadOptions {
  /** Number of the split in the plan. */
  readonly split: number;
  /** Ids of the rows that stand first. */
  readonly front: readonly string[];
  readonly facts: RowFacts;
  /** Throws where the export is to stop. */
  readonly checkpoint: () => Promise<void>;
}

/** The rows of a split: those at the front, then the others by id. Holds one page in memory. */
export async function* readRows(snapshot: ExportSnapshot, { split, front, facts, checkpoint }: ReadOptions): AsyncGenerator<Row> {
  yield* readPage(snapshot, { rowIds: front, facts });
  for (let after = ""; ;) {
    const rowIds = snapshot.rowIds(split, { after, count: PAGE_ROWS });
    after = rowIds.at(-1) ?? "";
    if (after === "") return;
    yield* readPage(snapshot, { rowIds: rowIds.filter((rowId) => !front.includes(rowId)), facts });
    await checkpoint();
  }
}

interface Page {
  readonly rowIds: readonly string[];
  readonly facts: RowFacts;
}

function* readPage(snapshot: ExportSnapshot, { rowIds, facts }: Page): Generator<Row> {
  const shown = snapshot.imagesOf(rowIds);
  const imagesByRow = Map.groupBy(shown, ({ rowId }) => rowId);
  const referencesByRow = Map.groupBy(snapshot.referencesOf(rowIds), ({ rowId }) => rowId);
  const imageIds = [...new Set(shown.map(({ imageId }) => imageId))];
  const scores: ReadonlyMap<string, readonly ImageScoreRecord[]> = Map.groupBy(snapshot.scoresOf(imageIds), ({ imageId }) => imageId);
  for (const rowId of rowIds) {
    const [images, references] = [imagesByRow.get(rowId) ?? [], referencesByRow.get(rowId) ?? []];
    yield toRow({ row: snapshot.row(rowId), images, references, scores }, facts);
  }
}
