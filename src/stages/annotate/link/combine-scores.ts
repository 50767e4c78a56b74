import type { UsableImage } from "./filters.ts";
import type { Combination } from "./group-facts.ts";
import { roundDecimals } from "../../../lib/round-decimals.ts";

/**
 * One score an image from several judges, comparable within the group only. Scales of judges have nothing to do with each other, so
 * each judge's scores are first made relative to the group:
 * - `rank-mean`: the share of the other images that it puts below, a tie counting half, 0…1; then the mean over the judges.
 * - `weights`: z-scores (mean 0, standard deviation 1; all 0 where the judge sees no difference); then the weighted mean. Keeps how far
 *   apart a judge puts two images, which ranks forget.
 *
 * An image that one of the judges could not score has none: a mean over other judges than its neighbour's would compare nothing.
 */
export function combineScores(images: readonly UsableImage[], { method, judges }: Combination): ReadonlyMap<string, number> {
  const scored =
    judges.length === 0 ? [] : images.filter(({ scores }) => judges.every(({ judge }) => (scores.get(judge) ?? null) !== null));
  const totals = scored.map(() => 0);
  for (const { judge, weight } of judges) {
    // Rounded first: what rows show as equal scores is a tie for the combination, too.
    const own = scored.map(({ scores }) => roundDecimals(scores.get(judge) ?? 0));
    const relative = method === "rank-mean" ? ranksOf(own) : zScores(own);
    for (const [index, value] of relative.entries()) totals[index] = (totals[index] ?? 0) + weight * value;
  }
  const weights = judges.reduce((sum, { weight }) => sum + weight, 0);
  return new Map(scored.map(({ imageId }, index) => [imageId, (totals[index] ?? 0) / weights]));
}

function ranksOf(scores: readonly number[]): number[] {
  const others = Math.max(1, scores.length - 1);
  return scores.map((score) => {
    const below = scores.filter((other) => other < score).length;
    const equal = scores.filter((other) => other === score).length - 1;
    return (below + equal / 2) / others;
  });
}

/** Population standard deviation. Taken over shares of the range, because squares of large scores would be infinite. */
function zScores(scores: readonly number[]): number[] {
  const low = Math.min(...scores);
  // Halved: the range of two doubles can be more than a double holds.
  const range = Math.max(...scores) / 2 - low / 2;
  if (!(range > 0)) return scores.map(() => 0);
  const shares = scores.map((score) => (score / 2 - low / 2) / range);
  const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length;
  const deviation = Math.sqrt(shares.reduce((sum, share) => sum + (share - mean) ** 2, 0) / shares.length);
  return shares.map((share) => (share - mean) / deviation);
}
