import { linkGroup } from "./pairs.ts";
import { filterImages, type UsableImage, splitByVariant } from "./filters.ts";
import type { GroupFacts, LinkRules } from "./group-facts.ts";
import type { Ranked } from "./policies.ts";
import { findVerdict } from "./verdict.ts";

/** Two images of which neither is better. */
export interface Tie {
  /** The two images, in image_id order. */
  readonly images: readonly [UsableImage, UsableImage];
  /** `both_bad` if most of the votes without a preference say so. */
  readonly kind: "tie" | "both_bad";
  readonly nVotes: number;
}

/** The ranking and ties of one prompt, or of one of its variants. */
export interface GroupRanking {
  /** `people`, `judge:<name>` or `combined`. */
  readonly source: string;
  /** Number of votes that decided. 0 for judges. */
  readonly nVotes: number;
  /** Best first, with places from 1. Equal scores share a place. Empty if the votes do not order all of them. */
  readonly ranked: readonly (Ranked & { readonly place: number })[];
  readonly ties: readonly Tie[];
}

/**
 * Ranks the images of one prompt under one criterion, with one ranking for each part that is compared by itself. It is a pure function and
 * uses the rules of linking, except for policy, margin and direction, which choose among pairs.
 */
export function rankGroup(facts: GroupFacts, rules: LinkRules): readonly GroupRanking[] {
  const images = facts.images.toSorted((a, b) => (a.imageId < b.imageId ? -1 : 1));
  return splitByVariant(images, rules.policy.across).flatMap((part): GroupRanking[] => {
    const usable = filterImages(part, rules.filters);
    if (usable.images.length < 2) return [];
    const verdict = findVerdict({ images: usable.images, twins: usable.twins, votes: facts.votes }, rules);
    if (typeof verdict === "string") return [];
    const { source, people, ranked } = verdict;
    // Pruned images count in votes and rankings, but are not shown.
    const shown = ranked.filter(({ image }) => image.state === "stored");
    const isOrdered = shown.length > 1 && (people === null || people.connected);
    const ties = withoutLinked(findTies(usable.images, verdict), facts, rules);
    return [{ source, nVotes: people?.nVotes ?? 0, ranked: isOrdered ? withPlaces(shown) : [], ties }];
  });
}

/** Removes the ties that have a row. Two images that people call equal can still be ordered by votes on other images. */
function withoutLinked(ties: readonly Tie[], facts: GroupFacts, rules: LinkRules): readonly Tie[] {
  if (ties.length === 0) return ties;
  const rows = linkGroup(facts, rules).links;
  const isLinked = (ids: readonly string[]): boolean =>
    rows.some(({ chosen, rejected }) => ids.includes(chosen.imageId) && rejected.some(({ imageId }) => ids.includes(imageId)));
  return ties.filter(({ images }) => !isLinked(images.map(({ imageId }) => imageId)));
}

function withPlaces(ranked: readonly Ranked[]): GroupRanking["ranked"] {
  return ranked.map((own) => ({ ...own, place: 1 + ranked.filter(({ score }) => score > own.score).length }));
}

/** Finds ties. For people, most votes that compared the two prefer neither. For judges, the scores are equal. */
function findTies(images: readonly UsableImage[], { people, ranked }: Exclude<ReturnType<typeof findVerdict>, string>): readonly Tie[] {
  const scores = new Map(ranked.map(({ image, score }) => [image.imageId, score]));
  const tieOf = (first: UsableImage, second: UsableImage): Pick<Tie, "kind" | "nVotes"> | null => {
    if (people === null) {
      const score = scores.get(first.imageId);
      return score !== undefined && score === scores.get(second.imageId) ? { kind: "tie", nVotes: 0 } : null;
    }
    const { preferring, tied, bothBad } = people.compare(first.imageId, second.imageId);
    if (tied + bothBad <= preferring) return null;
    return { kind: bothBad > tied ? "both_bad" : "tie", nVotes: preferring + tied + bothBad };
  };
  const stored = images.filter(({ state }) => state === "stored");
  return stored.flatMap((first, index) =>
    stored.slice(index + 1).flatMap((second): Tie[] => {
      const tie = tieOf(first, second);
      return tie === null ? [] : [{ images: [first, second], ...tie }];
    }),
  );
}
