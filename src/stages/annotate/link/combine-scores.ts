import type { UsableImage } from "./filters.ts";
import type { Combination } from "./group-facts.ts";
import { roundDecimals } from "../../../lib/round-decimals.ts";

/**
 * Combines the scores of several judges to one score for each image, which is comparable only within the group. Judges have different
 * scales, so each judge's scores are first made relative to the group:
 * - `rank-mean`: the share of the other images that score lower, 0…1, where a tie counts half; then the mean over the judges.
 * - `weights`: z-scores (mean 0, standard deviation 1; all 0 if the judge sees no difference); then the weighted mean. This keeps how far
 *   apart two images are, which ranks lose.
 *
 * An image that one of the judges could not score has no combined score, because a mean over fewer judges is not comparable.
 */
export function combineScores(images: readonly UsableImage[], { method, judges }: Combination): ReadonlyMap<string, number> {
  const scored =
    judges.length === 0 ? [] : images.filter(({ scores }) => judges.every(({ judge }) => (scores.get(judge) ?? null) !== null));
  const totals = scored.map(() => 0);
  for (const { judge, weight } of judges) {
    // Rounded first, so that scores which rows show as equal are a tie here, too.
    const own = scored.map(({ scores }) => roundDecimals(scores.get(judge) ?? 0));
    const relative = method === "rank-mean" ? shareBelow(own) : zScores(own);
    for (const [index, value] of relative.entries()) totals[index] = (totals[index] ?? 0) + weight * value;
  }
  const weights = judges.reduce((sum, { weight }) => sum + weight, 0);
  return new Map(scored.map(({ imageId }, index) => [imageId, (totals[index] ?? 0) / weights]));
}

function shareBelow(scores: readonly number[]): number[] {
  const others = Math.max(1, scores.length - 1);
  return scores.map((score) => {
    const below = scores.filter((other) => other < score).length;
    const equal = scores.filter((other) => other === score).length - 1;
    return (below + equal / 2) / others;
  });
}

/** Computes z-scores with the population standard deviation. Scores are scaled to the range first, because squares of large scores overflow. */
function zScores(scores: readonly number[]): number[] {
  const low = Math.min(...scores);
  // Halved, because the difference of two doubles can overflow.
  const range = Math.max(...scores) / 2 - low / 2;
  if (!(range > 0)) return scores.map(() => 0);
  const shares = scores.map((score) => (score / 2 - low / 2) / range);
  const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length;
  const deviation = Math.sqrt(shares.reduce((sum, share) => sum + (share - mean) ** 2, 0) / shares.length);
  return shares.map((share) => (share - mean) / deviation);
}
