import type { Context } from "../../../context.ts";
import type { PictureRecord, TableQueries } from "../../../db/queries/export/export-tables.ts";
import type { Row, RowLayout } from "../../../exporters/exporter.ts";
import type { Picture, PictureFormat, PicturePair } from "../../../exporters/picture-format.ts";
import type { DataFile } from "../make/manifest.ts";
import { pairsOf } from "../rows/pairs-of.ts";
import type { PlannedSplit } from "../rows/plan-rows.ts";
import { shardPath } from "../rows/shards.ts";
import type { Spool, SpooledFile } from "../make/spool.ts";
import { openConverter, type ConvertPicture, type ImageSettings } from "./convert.ts";
import { fetchPicture, type FetchNeeds } from "./fetch-picture.ts";
import { inOrder } from "./in-order.ts";
import { pictureMemory, type PictureMemory } from "./picture-memory.ts";
import { plannedShards, type ShardPlanNeeds } from "./planned-shards.ts";

/** Rows whose pictures are fetched ahead, and the bytes that these may have together. */
const AHEAD = { rows: 16, bytes: 64 * 1024 * 1024 };

export interface PictureSource extends FetchNeeds, ShardPlanNeeds, Pick<Context, "log"> {
  readonly spool: Spool;
  readonly queries: Pick<TableQueries, "picturesOf" | "pairsOfPrompt" | "pairBytesOf">;
  readonly layout: RowLayout;
  readonly images: ImageSettings;
  readonly planned: readonly PlannedSplit[];
  /** Of all splits. */
  readonly rows: number;
  readonly rowsOf: (split: PlannedSplit) => AsyncIterable<Row>;
}

export interface WrittenFormat {
  readonly format: PictureFormat;
  /** What readers open. */
  readonly dataFiles: readonly DataFile[];
  readonly pictures: readonly SpooledFile[];
}

/** Writes every pair of every row with its pictures, in each format. Memory is bounded by AHEAD and what one format holds of a file. */
export async function writePictures(formats: readonly PictureFormat[], source: PictureSource): Promise<readonly WrittenFormat[]> {
  const convert = formats.length === 0 ? null : await openConverter(source.images);
  const memory = pictureMemory();
  const written: WrittenFormat[] = [];
  for (const format of formats) {
    if (convert === null) break;
    const dataFiles: DataFile[] = [];
    const pictures: SpooledFile[] = [];
    let done = 0;
    const tick = (): void => source.log.progress(`export ${format.format}`, { done: ++done, total: source.rows, failed: 0 });
    for (const planned of source.planned) {
      const files = await writeSplit(format, { source, planned, convert, memory, tick });
      dataFiles.push(...files.dataFiles);
      pictures.push(...files.pictures);
    }
    written.push({ format, dataFiles, pictures });
  }
  return written;
}

interface SplitPlace {
  readonly source: PictureSource;
  readonly planned: PlannedSplit;
  readonly convert: ConvertPicture;
  readonly memory: PictureMemory;
  /** Called for each row. */
  readonly tick: () => void;
}

async function writeSplit(format: PictureFormat, place: SplitPlace): Promise<Omit<WrittenFormat, "format">> {
  const { source, planned } = place;
  const { layout, spool } = source;
  const { split } = planned;
  const sizes = await plannedShards(format, source, planned);
  const dataFiles: DataFile[] = [];
  const pictures: SpooledFile[] = [];
  const rows = loadedRows(place);
  try {
    for (const [index, size] of sizes.entries()) {
      let pairs = 0;
      const next = async function* (): AsyncGenerator<PicturePair> {
        for (let taken = 0; taken < size; taken++) {
          const row = await rows.next();
          if (row.done === true) throw new Error(`${size - taken} rows of a shard are missing`);
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
        shardPath: (extension) => shardPath(split, { index, count: sizes.length, extension, folder: format.format }),
        async write(path, chunks, kind) {
          const file = await spool.write(path, chunks);
          if (kind === "picture") pictures.push(file);
          else dataFiles.push({ ...file, table: "pairs", format: format.format, split, rows: pairs });
        },
      });
    }
  } finally {
    await rows.return(undefined);
  }
  return { dataFiles, pictures };
}

interface RowWithRecords {
  readonly row: Row;
  readonly records: ReadonlyMap<string, PictureRecord>;
}

async function* withRecords({ queries, rowsOf, checkpoint }: PictureSource, planned: PlannedSplit): AsyncGenerator<RowWithRecords> {
  for await (const row of rowsOf(planned)) {
    await checkpoint(); // A page of rows, after which reading looks by itself, may be a gigabyte of pictures.
    const ids = [row.chosen, ...row.rejected].map(({ imageId }) => imageId);
    yield { row, records: new Map(queries.picturesOf(ids).map((record) => [record.imageId, record])) };
  }
}

/** Each row's pairs with their pictures; the chosen one is fetched once. */
function loadedRows({ source, planned, convert, memory }: SplitPlace): AsyncGenerator<readonly PicturePair[]> {
  const weightOf = ({ records }: RowWithRecords): number => records.values().reduce((sum, { bytes }) => sum + bytes, 0);
  return inOrder(withRecords(source, planned), { items: AHEAD.rows, weight: AHEAD.bytes, weightOf }, async ({ row, records }) => {
    const load = async ({ imageId }: { readonly imageId: string }, pairs: number): Promise<Picture> => {
      const record = records.get(imageId);
      if (record === undefined) throw new Error(`image ${imageId} left the snapshot`);
      const { bytes, giveBack } = memory.take(record.bytes);
      await fetchPicture(record, bytes, source);
      const picture = await convert(bytes, imageId);
      if (picture.bytes.buffer !== bytes.buffer) giveBack(); // It was encoded anew.
      let left = pairs;
      return { ...picture, done: () => void (--left === 0 && giveBack()) };
    };
    const [chosen, ...rejected] = await Promise.all(
      [row.chosen, ...row.rejected].map(async (cell, index) => ({
        ...cell,
        picture: await load(cell, index === 0 ? row.rejected.length : 1),
      })),
    );
    const examples = source.queries.pairsOfPrompt(row.promptKey);
    return pairsOf(row).flatMap((pair, index): PicturePair[] => {
      const loser = rejected[index];
      return chosen === undefined || loser === undefined ? [] : [{ ...pair, chosen, rejected: loser, examples }];
    });
  });
}
