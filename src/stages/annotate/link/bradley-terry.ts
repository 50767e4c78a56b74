/** Extra wins of each image over each other. They keep strengths finite if an image never loses, and do not change the order. */
const PRIOR_WINS = 0.1;
/** Groups of four converge to 1e-12 in about 20 rounds. The limit is for the worst case. */
const ROUNDS_MAX = 1_000;
const TOLERANCE = 1e-12;

/** `wins[i][j]`: wins of image i over image j. A tie counts half for each. */
export type WinMatrix = readonly (readonly number[])[];

/**
 * Computes Bradley–Terry strengths, which sum to 1: the probability that an image is the best of the group.
 * It is deterministic: start, order and tolerance are fixed. Ties as half wins, as in FastChat's arena.
 * @see Newman, "Efficient Computation of Rankings from Pairwise Comparisons", JMLR 24 (2023), eq. 27: the iteration, faster than MM
 * and with the same fixed point. The prior is the `alpha` of the Python package choix.
 */
export function bradleyTerry(wins: WinMatrix): number[] {
  let strengths = wins.map(() => 1 / wins.length);
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const before = strengths;
    const next = [...strengths];
    // One image after the other, each with the new strengths of those before it. Updating all at once, two images could swap for ever.
    for (const image of wins.keys()) next[image] = improveStrength(wins, { strengths: next, image });
    strengths = normalize(next);
    if (strengths.every((strength, image) => Math.abs(strength - (before[image] ?? 0)) < TOLERANCE)) break;
  }
  return strengths;
}

interface Estimate {
  readonly strengths: readonly number[];
  readonly image: number;
}

function improveStrength(wins: WinMatrix, { strengths, image }: Estimate): number {
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

function normalize(strengths: readonly number[]): number[] {
  const sum = strengths.reduce((total, strength) => total + strength, 0);
  return strengths.map((strength) => strength / sum);
}

/** Returns true if the comparisons connect all images, directly or through others. */
export function isConnected(wins: WinMatrix): boolean {
  const reached = new Set(wins.length === 0 ? [] : [0]);
  // Iterating a Set also visits what is added on the way.
  for (const image of reached) {
    for (const other of wins.keys()) {
      if ((wins[image]?.[other] ?? 0) + (wins[other]?.[image] ?? 0) > 0) reached.add(other);
    }
  }
  return reached.size === wins.length;
}

/** Computes wins divided by comparisons, where a tie is half a win. 0 for an image that was never compared. */
export function computeWinShares(wins: WinMatrix): number[] {
  return wins.map((row, image) => {
    const won = row.reduce((total, count) => total + count, 0);
    const lost = wins.reduce((total, other) => total + (other[image] ?? 0), 0);
    return won === 0 ? 0 : won / (won + lost);
  });
}
