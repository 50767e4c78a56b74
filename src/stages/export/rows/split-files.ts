/** Up to this many rows a split is one file. */
const ONE_SHARD_ROWS = 10_000;
/** Beyond it: enough files for the data loader workers of a few machines. */
const AUTO_SHARDS = 16;

/** Sizes of a split's shards: contiguous, as equal as they can be, larger ones first, never empty. */
export function shardSizes(rows: number, shards: number | "auto"): readonly number[] {
  const wanted = shards === "auto" ? (rows <= ONE_SHARD_ROWS ? 1 : AUTO_SHARDS) : shards;
  const count = Math.min(wanted, rows);
  return Array.from({ length: count }, (_, index) => Math.floor(rows / count) + (index < rows % count ? 1 : 0));
}

export interface ShardPlace {
  readonly index: number;
  readonly count: number;
  readonly extension: string;
  /** Default: that of the rows. */
  readonly folder?: string;
}

/** `data/train-00000-of-00016.jsonl`: the name from which loaders tell split and shard. */
export function shardPath(split: string, { index, count, extension, folder = "data" }: ShardPlace): string {
  const fiveDigits = (number: number): string => String(number).padStart(5, "0");
  return `${folder}/${split}-${fiveDigits(index)}-of-${fiveDigits(count)}.${extension}`;
}

/** Rows that are sorted in memory: 2 MB, as rows usually are. */
const RANGE_ROWS = 1_024;
/** Each is a file while rows are made; of more rows, ranges are larger. */
const RANGES_MAX = 512;

/** A part of a split's rows by their order, whose end is no later than its shard's. */
export interface RowRange {
  /** Of the split. */
  readonly shard: number;
  /** Its first row by id; "" where rows at the front are in it. */
  readonly fromId: string;
}

/** How the rows of a split lie in shards, and these in ranges small enough to be sorted in memory. */
export interface SplitRanges {
  readonly sizes: readonly number[];
  readonly ranges: readonly RowRange[];
  /** Index of the range of a row, and what it is sorted by there. */
  readonly placeOf: (rowId: string) => { readonly range: number; readonly key: string };
}

interface SplitRows {
  /** Of the split. */
  readonly rows: number;
  /** Of the version. */
  readonly allRows: number;
  /** Ids of the rows that stand before all others. */
  readonly front: readonly string[];
  readonly shards: number | "auto";
}

/** `ids`: of the split's rows, sorted. */
export function shardRanges(ids: Iterable<string>, { rows, allRows, front, shards }: SplitRows): SplitRanges {
  const sizes = shardSizes(rows, shards);
  const rangeRows = Math.max(RANGE_ROWS, Math.ceil(allRows / RANGES_MAX));
  const ranges: RowRange[] = [];
  const fronts = new Map<string, { readonly range: number; readonly key: string }>();
  let shard = 0;
  let inShard = 0;
  let inRange = 0;
  const add = (fromId: string): void => {
    const isNewShard = inShard >= (sizes[shard] ?? Infinity);
    if (isNewShard) {
      shard++;
      inShard = 0;
    }
    if (isNewShard || inRange >= rangeRows || ranges.length === 0) {
      ranges.push({ shard, fromId });
      inRange = 0;
    }
    inShard++;
    inRange++;
  };
  for (const [index, id] of front.entries()) {
    add("");
    // Ids begin with a letter.
    fronts.set(id, { range: ranges.length - 1, key: `!${index}` });
  }
  for (const id of ids) if (!fronts.has(id)) add(id);
  return { sizes, ranges, placeOf: (rowId) => fronts.get(rowId) ?? { range: rangeOf(ranges, rowId), key: rowId } };
}

/** The last range that begins no later than at this row. */
function rangeOf(ranges: readonly RowRange[], rowId: string): number {
  let low = 0;
  let high = ranges.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((ranges[middle]?.fromId ?? "") <= rowId) low = middle;
    else high = middle - 1;
  }
  return low;
}
