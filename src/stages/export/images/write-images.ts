import type { Context } from "../../../context.ts";
import type { StoredImageRecord, TableQueries } from "../../../db/queries/export/export-tables.ts";
import type { Row, RowLayout } from "../../../exporters/row.ts";
import type { Image, ImageFormat, ImagePair } from "../../../exporters/image-format.ts";
import type { DataFile } from "../make/manifest.ts";
import { listPairs } from "../rows/row.ts";
import type { PlannedSplit } from "../rows/plan-rows.ts";
import { dataPath, rowsPerFile } from "../rows/split-files.ts";
import type { Spool, SpooledFile } from "../make/spool.ts";
import { openConverter, type ConvertImage, type ImageSettings } from "./convert.ts";
import { fetchImage, type FetchNeeds } from "./fetch-image.ts";
import { mapAhead } from "./read-ahead.ts";
import { imageMemory, type ImageMemory } from "./image-memory.ts";
import type { Config } from "../../../config/schema.ts";
import { MIB } from "../../../lib/units.ts";

/** Limits of what is fetched ahead. */
const AHEAD = { rows: 16, bytes: 64 * MIB };
/**
 * A file is closed once its pairs have so many bytes in the store. So millions of images are few files, and each file can be sent again
 * within minutes.
 */
const FILE_BYTES = 256 * MIB;

export interface FilePlanNeeds {
  readonly queries: Pick<TableQueries, "readPairBytes">;
  /** Files of a split. */
  readonly shards: Config["export"]["shards"];
  /** Ids of the rows of a split in their order, some at a time. */
  readonly rowIdsOf: (split: PlannedSplit) => Iterable<readonly string[]>;
  /** Throws where the export is to stop. */
  readonly checkpoint: () => Promise<void>;
}

export interface ImageSource extends FetchNeeds, FilePlanNeeds, Pick<Context, "log"> {
  readonly spool: Spool;
  readonly queries: Pick<TableQueries, "readStoredImages" | "pairsOfPrompt" | "readPairBytes">;
  readonly layout: RowLayout;
  readonly images: ImageSettings;
  readonly planned: readonly PlannedSplit[];
  /** Rows of all splits. */
  readonly rows: number;
  readonly rowsOf: (split: PlannedSplit) => AsyncIterable<Row>;
}

export interface WrittenFormat {
  readonly format: ImageFormat;
  /** Files that readers open. */
  readonly dataFiles: readonly DataFile[];
  readonly images: readonly SpooledFile[];
}

/** Writes every pair of every row with its images, in each format. Memory is bounded by AHEAD and what one format holds of a file. */
export async function writeImages(formats: readonly ImageFormat[], source: ImageSource): Promise<readonly WrittenFormat[]> {
  const convert = formats.length === 0 ? null : await openConverter(source.images);
  const memory = imageMemory();
  const written: WrittenFormat[] = [];
  for (const format of formats) {
    if (convert === null) break;
    const dataFiles: DataFile[] = [];
    const images: SpooledFile[] = [];
    let done = 0;
    const tick = (): void => source.log.progress(`export ${format.format}`, { done: ++done, total: source.rows, failed: 0 });
    for (const planned of source.planned) {
      const files = await writeSplit(format, { source, planned, convert, memory, tick });
      dataFiles.push(...files.dataFiles);
      images.push(...files.images);
    }
    written.push({ format, dataFiles, images });
  }
  return written;
}

interface SplitPlace {
  readonly source: ImageSource;
  readonly planned: PlannedSplit;
  readonly convert: ConvertImage;
  readonly memory: ImageMemory;
  /** Called after each row. */
  readonly tick: () => void;
}

async function writeSplit(format: ImageFormat, place: SplitPlace): Promise<Omit<WrittenFormat, "format">> {
  const { source, planned } = place;
  const { layout, spool } = source;
  const { split } = planned;
  const sizes = await planFiles(format, source, planned);
  const dataFiles: DataFile[] = [];
  const images: SpooledFile[] = [];
  const rows = loadedRows(place);
  try {
    for (const [index, size] of sizes.entries()) {
      let pairs = 0;
      const next = async function* (): AsyncGenerator<ImagePair> {
        for (let taken = 0; taken < size; taken++) {
          const row = await rows.next();
          if (row.done === true) throw new Error(`${size - taken} rows of a file are missing`);
          for (const pair of row.value) {
            pairs++;
            yield pair;
          }
          place.tick();
        }
      };
      await format.write(next(), {
        split,
        layout,
        filePath: (extension) => dataPath(split, { index, count: sizes.length, extension, folder: format.format }),
        async write(path, chunks, kind) {
          const file = await spool.write(path, chunks);
          if (kind === "image") images.push(file);
          else dataFiles.push({ ...file, table: "pairs", format: format.format, split, rows: pairs });
        },
      });
    }
  } finally {
    await rows.return(undefined);
  }
  return { dataFiles, images };
}

/**
 * Plans how many rows each file of a split holds. Files are cut by the bytes in the store, which the database knows, so that their number
 * is
 * known before the first is written.
 */
export async function planFiles(
  { isPacked }: Pick<ImageFormat, "isPacked">,
  { queries, shards, rowIdsOf, checkpoint }: FilePlanNeeds,
  planned: PlannedSplit,
): Promise<readonly number[]> {
  if (!isPacked) return [planned.rows];
  if (shards !== "auto") return rowsPerFile(planned.rows, shards);
  const sizes: number[] = [];
  let rows = 0;
  let sizeBytes = 0;
  for (const rowIds of rowIdsOf(planned)) {
    await checkpoint();
    for (const rowBytes of queries.readPairBytes(rowIds)) {
      sizeBytes += rowBytes;
      rows++;
      if (sizeBytes < FILE_BYTES) continue;
      sizes.push(rows);
      rows = 0;
      sizeBytes = 0;
    }
  }
  return rows > 0 ? [...sizes, rows] : sizes;
}

interface RowWithRecords {
  readonly row: Row;
  readonly records: ReadonlyMap<string, StoredImageRecord>;
}

async function* withRecords({ queries, rowsOf, checkpoint }: ImageSource, planned: PlannedSplit): AsyncGenerator<RowWithRecords> {
  for await (const row of rowsOf(planned)) {
    await checkpoint(); // readRows() checks once a page of rows, which may be a gigabyte of images.
    const ids = [row.chosen, ...row.rejected].map(({ imageId }) => imageId);
    yield { row, records: new Map(queries.readStoredImages(ids).map((record) => [record.imageId, record])) };
  }
}

/** Yields the pairs of each row with their images. The chosen image is fetched once. */
function loadedRows({ source, planned, convert, memory }: SplitPlace): AsyncGenerator<readonly ImagePair[]> {
  const weightOf = ({ records }: RowWithRecords): number => records.values().reduce((sum, { bytes }) => sum + bytes, 0);
  return mapAhead(withRecords(source, planned), { items: AHEAD.rows, weight: AHEAD.bytes, weightOf }, async ({ row, records }) => {
    const load = async ({ imageId }: { readonly imageId: string }, pairs: number): Promise<Image> => {
      const record = records.get(imageId);
      if (record === undefined) throw new Error(`image ${imageId} left the snapshot`);
      const { bytes, giveBack } = memory.take(record.bytes);
      await fetchImage(record, bytes, source);
      const image = await convert(bytes, imageId);
      if (image.bytes.buffer !== bytes.buffer) giveBack(); // It was encoded anew.
      let left = pairs;
      return { ...image, done: () => void (--left === 0 && giveBack()) };
    };
    const [chosen, ...rejected] = await Promise.all(
      [row.chosen, ...row.rejected].map(async (cell, index) => ({
        ...cell,
        image: await load(cell, index === 0 ? row.rejected.length : 1),
      })),
    );
    const examples = source.queries.pairsOfPrompt(row.promptKey);
    return listPairs(row).flatMap((pair, index): ImagePair[] => {
      const loser = rejected[index];
      return chosen === undefined || loser === undefined ? [] : [{ ...pair, chosen, rejected: loser, examples }];
    });
  });
}
