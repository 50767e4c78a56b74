import type { PairsPolicy } from "../../../config/schema.ts";
import type { UsableImage } from "./filters.ts";

/** An image with the deciding source's score, rounded as it is exported. */
export interface Ranked {
  readonly image: UsableImage;
  readonly score: number;
}

/** A row to be: the chosen image and its losers, best first. */
export interface Selection {
  readonly chosen: Ranked;
  readonly rejected: readonly Ranked[];
}

/**
 * Whether two images may be a pair, the first being chosen. Called once for each pair that a policy considers, so that the caller
 * can count why not.
 */
export type MayPair = (chosen: Ranked, rejected: Ranked) => boolean;

/** The images that the policy may choose and may reject, each best first; the two lists may share images. */
export interface Field {
  readonly choosable: readonly Ranked[];
  readonly rejectable: readonly Ranked[];
}

/** Turns rankings into rows. Lists are ordered by score, then image_id, so that every policy is deterministic. */
export const POLICIES: { readonly [Policy in PairsPolicy["policy"]]: (field: Field, mayPair: MayPair) => readonly Selection[] } = {
  /** The best against every loser. */
  "best-rest": ({ choosable, rejectable }, mayPair) => {
    const [best] = choosable;
    if (best === undefined) return [];
    const rejected = rejectable.filter((loser) => loser.image !== best.image && mayPair(best, loser));
    return rejected.length === 0 ? [] : [{ chosen: best, rejected }];
  },

  /** The best against the worst that it may be paired with. */
  "best-worst": ({ choosable, rejectable }, mayPair) => {
    const [best] = choosable;
    if (best === undefined) return [];
    const worst = rejectable.findLast((loser) => loser.image !== best.image && mayPair(best, loser));
    return worst === undefined ? [] : [{ chosen: best, rejected: [worst] }];
  },

  /** Every two images. */
  all: ({ choosable, rejectable }, mayPair) =>
    choosable.flatMap((chosen) =>
      rejectable.filter((loser) => byRank(chosen, loser) < 0 && mayPair(chosen, loser)).map((loser) => ({ chosen, rejected: [loser] })),
    ),

  /** Each image against the next in the ranking of all. */
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

/** Order of ranking: by score, best first, then by image_id; 0 only for one and the same image. */
export function byRank(first: Ranked, second: Ranked): number {
  if (first.score !== second.score) return second.score - first.score;
  if (first.image.imageId === second.image.imageId) return 0;
  return first.image.imageId < second.image.imageId ? -1 : 1;
}
