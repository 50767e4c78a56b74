import type Database from "better-sqlite3";
import type { Statement } from "better-sqlite3";

// A merge join: a table is read once from its start to its end, along with rows of another table that lie in about the same order. A
// look-up
// by hash would touch another page of the file for each row.

/** Rows read in one page: few, so that a garbage collection has little to copy. */
const PAGE_ROWS = 64;
/** Rows read ahead for one that is looked for. */
const AHEAD_ROWS = 256;
/** Rows that were read and not asked for yet. The oldest go first. Some MB. */
const KEPT_ROWS = 8_192;
/** Prompts have no limit in size, so few are read ahead and kept. */
const PROMPTS_AHEAD = 32;

/** A row as a list of its columns. The first is its place in the table. */
type PlacedRow = readonly [place: number, ...columns: unknown[]];

/** A row whose second column is its key. */
export type KeyedRow = PlacedRow & readonly [place: number, key: string, ...columns: unknown[]];

export interface TableReads<Row> {
  /** Reads at most `count` rows after a place, in order. */
  readonly page: (afterPlace: number, count: number) => readonly Row[];
  readonly one: (key: string) => Row | undefined;
}

interface CursorOptions {
  readonly pageRows?: number;
  readonly aheadRows?: number;
  readonly keptRows?: number;
}

/** Makes the reads of a table of two statements. */
export function tableReads<Row>(page: Statement<[number, number], Row>, one: Statement<[string], Row>): TableReads<Row> {
  return { page: (afterPlace, count) => page.all(afterPlace, count), one: (key) => one.get(key) };
}

/**
 * Reads all rows of a table in order, a page at a time: between two pages the connection may be written on.
 * `page` answers at most `count` rows after a place.
 */
export function* readInOrder<Row extends PlacedRow>(
  page: (afterPlace: number, count: number) => readonly Row[],
  pageRows = PAGE_ROWS,
): Generator<Row> {
  for (let after = 0; ;) {
    const rows = page(after, pageRows);
    yield* rows;
    const last = rows.at(-1);
    if (last === undefined) return;
    [after] = last;
  }
}

/** Returns a function that finds a table's row by its key, mostly without a look-up, while keys come in about the table's order. */
export function mergeCursor<Row extends KeyedRow>(
  { page, one }: TableReads<Row>,
  { pageRows, ...options }: CursorOptions = {},
): (key: string) => Row | undefined {
  return alignRows(readInOrder(page, pageRows), { keyOf: ([, key]) => key, lookUp: one, ...options });
}

/** As `mergeCursor`, for prompts. @throws {Error} for a prompt that is not there. */
export function promptCursor<Row extends KeyedRow>(reads: TableReads<Row>): (promptKey: string) => Row {
  const find = mergeCursor(reads, { pageRows: PROMPTS_AHEAD, aheadRows: PROMPTS_AHEAD, keptRows: PROMPTS_AHEAD });
  let last: Row | undefined;
  return (promptKey) => {
    if (last?.[1] !== promptKey) last = find(promptKey);
    if (last === undefined) throw new Error(`the prompt ${promptKey} is not in the snapshot`);
    return last;
  };
}

interface Alignment<Row> extends Omit<CursorOptions, "pageRows"> {
  readonly keyOf: (row: Row) => string;
  readonly lookUp: (key: string) => Row | undefined;
}

/**
 * Finds rows by key in an iterator over them. A row that comes about when it is asked for costs no look-up. Any other is looked up.
 * `rows` is read once, from its start.
 */
export function alignRows<Row>(
  rows: Iterator<Row>,
  { keyOf, lookUp, aheadRows = AHEAD_ROWS, keptRows = KEPT_ROWS }: Alignment<Row>,
): (key: string) => Row | undefined {
  const kept = new Map<string, Row>();
  return (key) => {
    const known = kept.get(key);
    if (known !== undefined) {
      kept.delete(key);
      return known;
    }
    for (let read = 0; read < aheadRows; read++) {
      const next = rows.next();
      if (next.done === true) break;
      const own = keyOf(next.value);
      if (own === key) return next.value;
      kept.set(own, next.value);
    }
    for (const oldest of kept.keys()) {
      if (kept.size <= keptRows) break;
      kept.delete(oldest);
    }
    return lookUp(key);
  };
}

export interface RejectedImage {
  readonly imageId: string;
  readonly score: number | null;
}

type RejectedTuple = [place: number, imageId: string, score: number | null];

/** Links, of whichever pair set, whose rejected images are read in one page. */
const PAGE_LINKS = 64;
const NONE: readonly RejectedImage[] = [];

/**
 * Returns a function that reads the rejected images of a link, best first, while links come in their order. Between two links the
 * connection may be written on.
 */
export function rejectedCursor(client: Database.Database): (place: number) => readonly RejectedImage[] {
  const page = client
    .prepare<[number, number], RejectedTuple>(
      `select place, image_id, score from preference_rejected where place >= ? and place < ? order by place, rank`,
    )
    .raw();
  let read = new Map<number, RejectedImage[]>();
  let [from, to] = [0, 0];
  return (place) => {
    if (place < from || place >= to) {
      [from, to] = [place, place + PAGE_LINKS];
      read = new Map();
      for (const [own, imageId, score] of page.all(from, to)) {
        const images = read.get(own);
        if (images === undefined) read.set(own, [{ imageId, score }]);
        else images.push({ imageId, score });
      }
    }
    return read.get(place) ?? NONE;
  };
}
