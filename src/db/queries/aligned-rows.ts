/** Rows read ahead for one that is looked for. */
const AHEAD_ROWS = 256;
/** Rows that were read and not asked for yet; the oldest go. Some MB. */
const KEPT_ROWS = 8_192;

/**
 * Reads a table along with another that was mostly filled in the same order. A row that stands about where it is expected costs no look-up
 * in an index of hashes, whose pages lie anywhere in the file; any other is looked up. `rows` is read once, from its start.
 */
export function alignedRows<Row>(
  rows: Iterator<Row>,
  { keyOf, lookUp }: { readonly keyOf: (row: Row) => string; readonly lookUp: (key: string) => Row | undefined },
): (key: string) => Row | undefined {
  const kept = new Map<string, Row>();
  return (key) => {
    const known = kept.get(key);
    if (known !== undefined) {
      kept.delete(key);
      return known;
    }
    for (let read = 0; read < AHEAD_ROWS; read++) {
      const next = rows.next();
      if (next.done === true) break;
      const own = keyOf(next.value);
      if (own === key) return next.value;
      kept.set(own, next.value);
    }
    for (const oldest of kept.keys()) {
      if (kept.size <= KEPT_ROWS) break;
      kept.delete(oldest);
    }
    return lookUp(key);
  };
}
