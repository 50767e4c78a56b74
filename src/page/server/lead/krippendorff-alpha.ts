/**
 * Krippendorff's alpha for nominal data, any number of observers, missing values allowed: 1 − D_o / D_e, from the matrix of coincidences.
 * Units are added one by one, so that memory grows with the number of categories alone.
 * Source: K. Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011), section C.
 */
export function krippendorffAlpha() {
  /** How often each value stands in a pair of values of one unit. */
  const totals = new Map<string, number>();
  /** Sum of all coincidences of two different values. */
  let disagreeing = 0;

  return {
    /** The values that observers gave one unit; fewer than two say nothing of agreement. */
    addUnit(values: readonly string[]): void {
      const count = values.length;
      if (count < 2) return;
      for (const [value, same] of Map.groupBy(values, (each) => each)) {
        totals.set(value, (totals.get(value) ?? 0) + same.length);
        disagreeing += (same.length * (count - same.length)) / (count - 1);
      }
    },
    /** Null where nothing was observed twice, or everybody always gave one and the same value: nothing could have disagreed. */
    alpha(): number | null {
      const sizes = [...totals.values()];
      const all = sizes.reduce((sum, size) => sum + size, 0);
      const expected = sizes.reduce((sum, size) => sum + size * (all - size), 0);
      return expected === 0 ? null : 1 - ((all - 1) * disagreeing) / expected;
    },
  };
}
