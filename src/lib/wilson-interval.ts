/** Normal quantile of a two-sided interval of 95 %. */
const Z_95 = 1.959963984540054;

export interface Interval {
  readonly low: number;
  readonly high: number;
}

/**
 * The 95 % interval of a share that was seen in `trials` independent trials, 0…1. Holds for few trials and for shares of 0 and 1, too,
 * where the textbook's interval has no width; nothing seen: 0…1.
 * @see Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", JASA 22 (1927)
 */
export function wilsonInterval(share: number, trials: number): Interval {
  if (trials === 0) return { low: 0, high: 1 };
  const z2 = Z_95 ** 2;
  const centre = share + z2 / (2 * trials);
  const spread = Z_95 * Math.sqrt((share * (1 - share)) / trials + z2 / (4 * trials ** 2));
  const scale = 1 + z2 / trials;
  return { low: Math.max(0, (centre - spread) / scale), high: Math.min(1, (centre + spread) / scale) };
}
