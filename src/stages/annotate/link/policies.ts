import type { PairsPolicy } from "../../../config/schema.ts";
import type { UsableImage } from "./filters.ts";

/** An image with the score of the deciding source, rounded as in exported rows. */
export interface Ranked {
  readonly image: UsableImage;
  readonly score: number;
}

/** The images of a future row: the chosen one and its losers, best first. */
export interface Selection {
  readonly chosen: Ranked;
  readonly rejected: readonly Ranked[];
}

/**
 * Returns true if two images may be a pair, with the first one chosen. It is called once for each pair that a policy considers, so that
 * the caller can count the reasons.
 */
export type MayPair = (chosen: Ranked, rejected: Ranked) => boolean;

/** The images that a policy may choose and may reject, each list best first. An image may be in both lists. */
export interface Field {
  readonly choosable: readonly Ranked[];
  readonly rejectable: readonly Ranked[];
}

/** The policies that turn rankings into rows. Lists are ordered by score, then image_id, so every policy is deterministic. */
export const POLICIES: { readonly [Policy in PairsPolicy["policy"]]: (field: Field, mayPair: MayPair) => readonly Selection[] } = {
  /** Pairs the best image with every loser. */
  "best-rest": ({ choosable, rejectable }, mayPair) => {
    const [best] = choosable;
    if (best === undefined) return [];
    const rejected = rejectable.filter((loser) => loser.image !== best.image && mayPair(best, loser));
    return rejected.length === 0 ? [] : [{ chosen: best, rejected }];
  },

  /** Pairs the best image with the worst that it may be paired with. */
  "best-worst": ({ choosable, rejectable }, mayPair) => {
    const [best] = choosable;
    if (best === undefined) return [];
    const worst = rejectable.findLast((loser) => loser.image !== best.image && mayPair(best, loser));
    return worst === undefined ? [] : [{ chosen: best, rejected: [worst] }];
  },

  /** Pairs every two images. */
  all: ({ choosable, rejectable }, mayPair) =>
    choosable.flatMap((chosen) =>
      rejectable.filter((loser) => byRank(chosen, loser) < 0 && mayPair(chosen, loser)).map((loser) => ({ chosen, rejected: [loser] })),
    ),

  /** Pairs each image with the next one in the ranking. */
  adjacent: ({ choosable, rejectable }, mayPair) => {
    const mayLose = new Set(rejectable);
    const all = [...new Set([...choosable, ...rejectable])].toSorted(byRank);
    const mayWin = new Set(choosable);
    return all.flatMap((chosen, index) => {
      const next = all[index + 1];
      const isPair = next !== undefined && mayWin.has(chosen) && mayLose.has(next) && mayPair(chosen, next);
      return isPair ? [{ chosen, rejected: [next] }] : [];
    });
  },
};

/** Compares two images for the ranking: by score, best first, then by image_id. Returns 0 only for the same image. */
export function byRank(first: Ranked, second: Ranked): number {
  if (first.score !== second.score) return second.score - first.score;
  if (first.image.imageId === second.image.imageId) return 0;
  return first.image.imageId < second.image.imageId ? -1 : 1;
}
