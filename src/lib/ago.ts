const UNITS = [
  [86_400_000, "d"],
  [3_600_000, "h"],
  [60_000, "min"],
  [1_000, "s"],
] as const;

/** How long ago, in the largest unit that fits: `12 min ago`, `just now`. */
export function ago(elapsedMs: number): string {
  for (const [unitMs, unit] of UNITS) if (elapsedMs >= unitMs) return `${Math.floor(elapsedMs / unitMs)} ${unit} ago`;
  return "just now";
}
