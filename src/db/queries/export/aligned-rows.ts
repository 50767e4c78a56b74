/** Rows read ahead for one that is looked for. */
const AHEAD_ROWS = 256;
/** Rows that were read and not asked for yet; the oldest go. Some MB. */
const KEPT_ROWS = 8_192;

export interface Alignment<Row> {
  readonly keyOf: (row: Row) => string;
  readonly lookUp: (key: string) => Row | undefined;
  /** Read for one that is looked for, at most; default 256. */
  readonly aheadRows?: number;
  /** Of those that were read and not asked for yet; default 8,192. */
  readonly keptRows?: number;
}

/**
 * Reads a table along with another that was mostly filled in the same order. A row that stands about where it is expected costs no look-up
 * in an index of hashes, whose pages lie anywhere in the file; any other is looked up. `rows` is read once, from its start.
 */
export function alignedRows<Row>(
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
