/** The first row (by id) of all that fill the same columns. */
export interface Filler {
  readonly rowId: string;
  /** A bit for each column that the row fills. */
  readonly fills: number;
}

/**
 * The fewest rows that fill between them every column that any of the rows fills; of several such choices the one with the lowest
 * ids. Loaders infer types from the first rows of a file, and a column that is null there fails at its first value.
 */
export function frontRows(fillers: readonly Filler[]): readonly string[] {
  // The best choice for each set of filled columns; at most 2^columns sets.
  const best = new Map<number, readonly string[]>([[0, []]]);
  for (const { rowId, fills } of fillers.toSorted((first, second) => (first.rowId < second.rowId ? -1 : 1))) {
    for (const [filled, rows] of new Map(best)) {
      const candidate = [...rows, rowId];
      const known = best.get(filled | fills);
      if (known === undefined || isBetter(candidate, known)) best.set(filled | fills, candidate);
    }
  }
  return best.get(fillers.reduce((all, { fills }) => all | fills, 0)) ?? [];
}

/** Both lists are sorted: rows are added in id order. */
function isBetter(candidate: readonly string[], known: readonly string[]): boolean {
  return candidate.length < known.length || (candidate.length === known.length && candidate.join() < known.join());
}
