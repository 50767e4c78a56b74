/** Shortest and longest wait between two attempts, ms: soon enough for a restart, rare enough for fifty browsers at once. */
const FIRST_MS = 500;
const LONGEST_MS = 10_000;

/** How long to wait after so many failures in a row, ms: doubled each time, at random between half and whole. */
export function backOffMs(failures: number, random: () => number = Math.random): number {
  const wholeMs = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.max(0, failures - 1));
  return wholeMs * (0.5 + random() / 2);
}
