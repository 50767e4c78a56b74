/** A split with at most this many rows is one file. */
const ONE_FILE_ROWS = 10_000;
/** Files of a larger split: enough for the data loader workers of a few machines. */
const AUTO_FILES = 16;
/** Rows that are sorted in memory at a time, usually 2 MB. */
const RANGE_ROWS = 1_024;
/** Each range is an open file while rows are made. Where this is not enough, ranges are larger. */
const RANGES_MAX = 512;

/** Returns how many rows each file of a split has: in their order, as equal as can be, larger ones first, never 0. */
export function rowsPerFile(rows: number, files: number | "auto"): readonly number[] {
  const wanted = files === "auto" ? (rows <= ONE_FILE_ROWS ? 1 : AUTO_FILES) : files;
  const count = Math.min(wanted, rows);
  return Array.from({ length: count }, (_, index) => Math.floor(rows / count) + (index < rows % count ? 1 : 0));
}

export interface FilePlace {
  readonly index: number;
  readonly count: number;
  /** The extension of the files, without the leading dot. */
  readonly extension: string;
  /** Default: `data`, the folder of the rows. */
  readonly folder?: string;
}

/** Returns a path such as `data/train-00000-of-00016.jsonl`. Loaders read split and number from the name. */
export function dataPath(split: string, { index, count, extension, folder = "data" }: FilePlace): string {
  const fiveDigits = (number: number): string => String(number).padStart(5, "0");
  return `${folder}/${split}-${fiveDigits(index)}-of-${fiveDigits(count)}.${extension}`;
}

/** Rows of a split that follow each other in its order. A range never reaches into the next file. */
export interface RowRange {
  /** Number of its file in the split. */
  readonly file: number;
  /** Its lowest id; "" where rows of the front are in it. */
  readonly fromId: string;
}

/** Sizes that say how the rows of a split are cut into files, and these into ranges that are small enough to be sorted in memory. */
export interface SplitRanges {
  /** Rows of each file. */
  readonly sizes: readonly number[];
  readonly ranges: readonly RowRange[];
  /** Finds the index of a row's range, and the key that it is sorted by there. */
  readonly placeOf: (rowId: string) => { readonly range: number; readonly key: string };
}

interface SplitRows {
  /** Rows of the split. */
  readonly rows: number;
  /** Rows of the version. */
  readonly allRows: number;
  /** Ids of the rows that stand before all others. */
  readonly front: readonly string[];
  readonly files: number | "auto";
}

/** Cuts a split into files and ranges. `ids` are those of all its rows, sorted. */
export function splitRanges(ids: Iterable<string>, { rows, allRows, front, files }: SplitRows): SplitRanges {
  const sizes = rowsPerFile(rows, files);
  const rangeRows = Math.max(RANGE_ROWS, Math.ceil(allRows / RANGES_MAX));
  const ranges: RowRange[] = [];
  const fronts = new Map<string, { readonly range: number; readonly key: string }>();
  let file = 0;
  let inFile = 0;
  let inRange = 0;
  const add = (fromId: string): void => {
    const isNewFile = inFile >= (sizes[file] ?? Infinity);
    if (isNewFile) {
      file++;
      inFile = 0;
    }
    if (isNewFile || inRange >= rangeRows || ranges.length === 0) {
      ranges.push({ file, fromId });
      inRange = 0;
    }
    inFile++;
    inRange++;
  };
  for (const [index, id] of front.entries()) {
    add("");
    // Ids begin with a letter, so that this sorts before them.
    fronts.set(id, { range: ranges.length - 1, key: `!${index}` });
  }
  for (const id of ids) if (!fronts.has(id)) add(id);
  return { sizes, ranges, placeOf: (rowId) => fronts.get(rowId) ?? { range: findRange(ranges, rowId), key: rowId } };
}

/** Finds the last range that begins no later than this row. */
function findRange(ranges: readonly RowRange[], rowId: string): number {
  let low = 0;
  let high = ranges.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((ranges[middle]?.fromId ?? "") <= rowId) low = middle;
    else high = middle - 1;
  }
  return low;
}
