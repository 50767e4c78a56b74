/** Rows read in one go: few, so that a collection of young garbage has little to copy. */
const PAGE_ROWS = 64;

/** A row as a list of its columns, of which the first is where it lies in its table. */
export type RowInPlace = readonly [place: number, ...columns: unknown[]];

/**
 * All rows of a table in the order in which they lie there, a page at a time: while a statement is being read, nothing can be written on
 * its connection. `page` answers the rows after a place, at most so many; `pageRows` is for rows without a limit in size.
 */
export function* rowsInOrder<Row extends RowInPlace>(
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
