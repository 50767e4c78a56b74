/** Pseudo-wins of each image over each other: keeps strengths finite where one image never loses. Decides no order by itself. */
const PRIOR_WINS = 0.1;
/** Strengths settle to 1e-12 in some 20 rounds for groups of four; the cap bounds the worst tangle. */
const ROUNDS_MAX = 1_000;
const TOLERANCE = 1e-12;

/** Wins of the row's image over the column's; a tie counts half for each. */
export type WinMatrix = readonly (readonly number[])[];

/**
 * Bradley–Terry strengths, summing to 1: the probability that an image is the best of the group.
 * Deterministic: fixed start, order and tolerance. Ties as half wins, as in FastChat's arena.
 * @see Newman, "Efficient Computation of Rankings from Pairwise Comparisons", JMLR 24 (2023), eq. 27: the iteration, faster than MM
 * and with the same fixed point. The prior is the `alpha` of the Python package choix.
 */
export function bradleyTerry(wins: WinMatrix): number[] {
  let strengths = wins.map(() => 1 / wins.length);
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const before = strengths;
    const next = [...strengths];
    // One image after the other, each with the new strengths of those before it: all at once, two images would swap for ever.
    for (const image of wins.keys()) next[image] = improved(wins, { strengths: next, image });
    strengths = normalised(next);
    if (strengths.every((strength, image) => Math.abs(strength - (before[image] ?? 0)) < TOLERANCE)) break;
  }
  return strengths;
}

interface Estimate {
  readonly strengths: readonly number[];
  readonly image: number;
}

function improved(wins: WinMatrix, { strengths, image }: Estimate): number {
  const own = strengths[image] ?? 0;
  let won = 0;
  let lost = 0;
  for (const [other, strength] of strengths.entries()) {
    if (other === image) continue;
    won += (((wins[image]?.[other] ?? 0) + PRIOR_WINS) * strength) / (own + strength);
    lost += ((wins[other]?.[image] ?? 0) + PRIOR_WINS) / (own + strength);
  }
  return won / lost;
}

function normalised(strengths: readonly number[]): number[] {
  const sum = strengths.reduce((total, strength) => total + strength, 0);
  return strengths.map((strength) => strength / sum);
}

/** True if the comparisons link every image with every other, directly or through others. */
export function isConnected(wins: WinMatrix): boolean {
  const reached = new Set(wins.length === 0 ? [] : [0]);
  // A Set is iterated in the order of insertion, images added on the way included.
  for (const image of reached) {
    for (const other of wins.keys()) {
      if ((wins[image]?.[other] ?? 0) + (wins[other]?.[image] ?? 0) > 0) reached.add(other);
    }
  }
  return reached.size === wins.length;
}

/** Wins over comparisons, ties counting half; 0 for an image that was never compared. */
export function computeWinShares(wins: WinMatrix): number[] {
  return wins.map((row, image) => {
    const won = row.reduce((total, count) => total + count, 0);
    const lost = wins.reduce((total, other) => total + (other[image] ?? 0), 0);
    return won === 0 ? 0 : won / (won + lost);
  });
}
