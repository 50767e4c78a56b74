import { linkGroup } from "./pairs.ts";
import { filterImages, type UsableImage, splitByVariant } from "./filters.ts";
import type { GroupFacts, LinkRules } from "./group-facts.ts";
import type { Ranked } from "./policies.ts";
import { findVerdict } from "./verdict.ts";

/** Two images of which neither is better. */
export interface Tie {
  /** In image_id order. */
  readonly images: readonly [UsableImage, UsableImage];
  /** `both_bad`: most of the votes for no preference say that. */
  readonly kind: "tie" | "both_bad";
  readonly nVotes: number;
}

/** What is known of one prompt beyond its rows. */
export interface GroupRanking {
  /** `people`, `judge:<name>` or `combined`. */
  readonly source: string;
  /** Votes that decided; 0 for judges. */
  readonly nVotes: number;
  /** Best first, with its place: 1 the best, equal scores share one. Empty where the order of some of them is not known. */
  readonly ranked: readonly (Ranked & { readonly place: number })[];
  readonly ties: readonly Tie[];
}

/**
 * The rankings of one prompt under one criterion, one for each part of it that is compared by itself. Pure, and by the rules by which rows
 * are linked; but the pair set's policy, margin and `across` choose among pairs, and there are no pairs here.
 */
export function rankGroup(facts: GroupFacts, rules: LinkRules): readonly GroupRanking[] {
  const images = facts.images.toSorted((a, b) => (a.imageId < b.imageId ? -1 : 1));
  return splitByVariant(images, rules.policy.across).flatMap((part): GroupRanking[] => {
    const usable = filterImages(part, rules.filters);
    if (usable.images.length < 2) return [];
    const verdict = findVerdict({ images: usable.images, twins: usable.twins, votes: facts.votes }, rules);
    if (typeof verdict === "string") return [];
    const { source, people, ranked } = verdict;
    // Pruned images still count in what was said, and can be in no row.
    const shown = ranked.filter(({ image }) => image.state === "stored");
    const isOrdered = shown.length > 1 && (people === null || people.connected);
    const ties = withoutLinked(tiesOf(usable.images, verdict), facts, rules);
    return [{ source, nVotes: people?.nVotes ?? 0, ranked: isOrdered ? placed(shown) : [], ties }];
  });
}

/** Two images may be called equal and still be told apart by votes on others: a pair that has a row is no tie beside it. */
function withoutLinked(ties: readonly Tie[], facts: GroupFacts, rules: LinkRules): readonly Tie[] {
  if (ties.length === 0) return ties;
  const rows = linkGroup(facts, rules).links;
  const isLinked = (ids: readonly string[]): boolean =>
    rows.some(({ chosen, rejected }) => ids.includes(chosen.imageId) && rejected.some(({ imageId }) => ids.includes(imageId)));
  return ties.filter(({ images }) => !isLinked(images.map(({ imageId }) => imageId)));
}

function placed(ranked: readonly Ranked[]): GroupRanking["ranked"] {
  return ranked.map((own) => ({ ...own, place: 1 + ranked.filter(({ score }) => score > own.score).length }));
}

/** By people: most votes that compared the two prefer neither. By judges: equal scores. */
function tiesOf(images: readonly UsableImage[], { people, ranked }: Exclude<ReturnType<typeof findVerdict>, string>): readonly Tie[] {
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
