import type { ExportSnapshot } from "../../../db/queries/export/export-snapshot.ts";
import type { ImageScoreRecord, RowImageRecord } from "../../../db/queries/export/row-records.ts";
import type { PlacedRow, PromptImage } from "../../../db/queries/export/scan-rows.ts";
import type { Row, RowLayout } from "../../../exporters/row.ts";
import { SPLITS, type Split } from "../split.ts";
import type { ImageRuns } from "../make/image-runs.ts";
import type { RowPlan } from "./plan-rows.ts";
import { openRowBuckets } from "./row-buckets.ts";
import { toRow, type RowFacts } from "./row.ts";
import { splitRanges, type SplitRanges } from "./split-files.ts";
import type { openStats } from "../card/stats.ts";

/** Rows made between two checks whether to stop, about 20 ms. */
const CHECK_ROWS = 256;

export interface ScatterNeeds {
  readonly snapshot: ExportSnapshot;
  readonly facts: RowFacts;
  readonly layout: RowLayout;
  readonly lineOf: (row: Row) => string;
  readonly stats: ReturnType<typeof openStats>;
  /** Takes each image, once at least. */
  readonly images: Pick<ImageRuns, "add">;
  /** Throws where the export is to stop. */
  readonly checkpoint: () => Promise<void>;
  readonly progress: (done: number) => void;
}

export interface Scattering {
  readonly plan: RowPlan;
  /** Files of each split. */
  readonly files: number | "auto";
  /** Folder for temporary files. */
  readonly folder: string;
}

export interface ScatteredFile {
  readonly split: Split;
  readonly index: number;
  /** Files of the split. */
  readonly count: number;
  readonly rows: number;
  /** Yields its lines in their order. Called once. */
  readonly chunks: () => Generator<Buffer>;
}

export interface ScatteredRows extends Disposable {
  /** By split, in their order. */
  readonly files: readonly ScatteredFile[];
}

/**
 * Makes the line of every planned row in the order of the database, and puts it with its neighbours by id. So the database is read once
 * from its start to its end, and a file is sorted a few thousand rows at a time.
 */
export async function scatterRows(needs: ScatterNeeds, { plan, files, folder }: Scattering): Promise<ScatteredRows> {
  const { snapshot, lineOf, stats, checkpoint, progress } = needs;
  const bySplit = new Map<number, SplitRanges & { readonly firstBucket: number }>();
  let count = 0;
  for (const { split, rows, front } of plan.splits) {
    const number = SPLITS.indexOf(split);
    const ranges = splitRanges(snapshot.allRowIds(number), { rows, allRows: plan.rows, front, files });
    bySplit.set(number, { ...ranges, firstBucket: count });
    count += ranges.ranges.length;
  }
  const buckets = openRowBuckets(folder, count);
  try {
    const makeRow = rowMaker(needs);
    let done = 0;
    for (const placed of snapshot.placedRows()) {
      const [split, ranges] = [SPLITS[placed.split], bySplit.get(placed.split)];
      if (split === undefined || ranges === undefined) throw new Error(`row ${placed.rowId} is in no planned split`);
      const row = makeRow(placed);
      stats.add(row, split);
      const { range, key } = ranges.placeOf(row.id);
      buckets.add(ranges.firstBucket + range, key, lineOf(row));
      done++;
      if (done % CHECK_ROWS > 0) continue;
      progress(done);
      await checkpoint();
    }
    progress(done);
  } catch (error) {
    buckets[Symbol.dispose]();
    throw error;
  }
  const filesOf = ([number, { sizes, ranges, firstBucket }]: readonly [number, SplitRanges & { readonly firstBucket: number }]) =>
    sizes.map((rows, index): ScatteredFile => {
      const from = ranges.findIndex(({ file }) => file === index);
      const to = ranges.findLastIndex(({ file }) => file === index) + 1;
      const chunks = (): Generator<Buffer> => buckets.sorted(firstBucket + from, firstBucket + to);
      return { split: SPLITS[number] ?? "train", index, count: sizes.length, rows, chunks };
    });
  return { files: [...bySplit].flatMap(filesOf), [Symbol.dispose]: () => buckets[Symbol.dispose]() };
}

interface Group {
  readonly promptKey: string;
  /** Images that its rows have shown. */
  readonly images: Map<string, PromptImage>;
  readonly scores: Map<string, readonly ImageScoreRecord[]>;
}

/** Creates a function that makes rows. It keeps what it read of the last prompt, because rows of one prompt mostly follow each other. */
function rowMaker({ snapshot, facts, layout, images }: ScatterNeeds): (placed: PlacedRow) => Row {
  const showsReferences = layout.fields === "full" && !layout.omitted.includes("references");
  const [rejectedOf, imageOf, scoresOf] = [snapshot.rejectedCursor(), snapshot.imageCursor(), snapshot.scoreCursor(facts.judgeVersions)];
  let group: Group = { promptKey: "", images: new Map(), scores: new Map() };
  const shownImage = (imageId: string): PromptImage => {
    const known = group.images.get(imageId);
    if (known !== undefined) return known;
    const image = imageOf(imageId);
    if (image?.promptKey !== group.promptKey) throw new Error(`image ${imageId} of a row of ${group.promptKey} is none of its prompt`);
    group.images.set(imageId, image);
    group.scores.set(imageId, scoresOf(imageId));
    const { uri, sha256, sizeBytes: bytes } = image;
    if (uri === null || sha256 === null || bytes === null) throw new Error(`image ${imageId} is linked, and was never stored`);
    images.add({ id: imageId, uri, sha256, bytes, isReference: 0 });
    return image;
  };
  return (placed) => {
    const { place, rowId, promptKey, chosen, chosenScore } = placed;
    if (promptKey !== group.promptKey) group = { promptKey, images: new Map(), scores: new Map() };
    const recordOf = (imageId: string, rank: number, score: number | null): RowImageRecord => {
      const { uri, sha256, seed, batchIndex, variant, params, widthPx, heightPx } = shownImage(imageId);
      return { rowId, rank, imageId, score, uri, sha256, seed, batchIndex, variant, params, widthPx, heightPx };
    };
    const rejected = rejectedOf(place).map(({ imageId, score }, rank) => recordOf(imageId, rank, score));
    const shown = [recordOf(chosen, -1, chosenScore), ...rejected];
    return toRow(
      { row: placed, images: shown, references: showsReferences ? snapshot.readReferences([rowId]) : [], scores: group.scores },
      facts,
    );
  };
}
