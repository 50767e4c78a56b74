import type { Statement } from "better-sqlite3";
import { alignedRows, type Alignment } from "./aligned-rows.ts";
import { rowsInOrder, type RowInPlace } from "./rows-in-order.ts";

/** A row as a list: where it lies, its key, and what else is wanted of it. */
export type KeyedRow = RowInPlace & readonly [place: number, key: string, ...columns: unknown[]];

export interface RowReads<Row> {
  /** The rows after a place, at most so many. */
  readonly page: (afterPlace: number, count: number) => readonly Row[];
  readonly one: (key: string) => Row | undefined;
}

interface AlongOptions extends Pick<Alignment<unknown>, "aheadRows" | "keptRows"> {
  readonly pageRows?: number;
}

/** The reads of a table, as statements whose only parameters are these. */
export function readsOf<Row>(page: Statement<[number, number], Row>, one: Statement<[string], Row>): RowReads<Row> {
  return { page: (afterPlace, count) => page.all(afterPlace, count), one: (key) => one.get(key) };
}

/** For one pass over rows of another table in their order: this table's row of a key, mostly without a look-up by its hash. */
export function rowsAlong<Row extends KeyedRow>(
  { page, one }: RowReads<Row>,
  { pageRows, ...options }: AlongOptions = {},
): (key: string) => Row | undefined {
  return alignedRows(rowsInOrder(page, pageRows), { keyOf: ([, key]) => key, lookUp: one, ...options });
}
