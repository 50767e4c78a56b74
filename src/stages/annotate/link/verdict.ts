import { combineScores } from "./combine-scores.ts";
import type { UsableImage } from "./filters.ts";
import type { LinkRules, Vote } from "./group-facts.ts";
import { type PeopleVerdict, rankByVotes } from "./people.ts";
import { byRank, type Ranked } from "./policies.ts";
import { rowSourceOf } from "./link-rules.ts";
import { roundDecimals } from "../../../lib/round-decimals.ts";

/** A ranking, and who made it. */
export interface Verdict {
  /** `people`, `judge:<name>` or `combined`. */
  readonly source: string;
  /** Best first; images that the source says nothing of are missing. */
  readonly ranked: readonly Ranked[];
  /** Null where judges decided. */
  readonly people: PeopleVerdict | null;
}

export interface VerdictFacts {
  /** In image_id order. */
  readonly images: readonly UsableImage[];
  readonly twins: ReadonlyMap<string, string>;
  readonly votes: readonly Vote[];
}

/** The first source that ranks two images, or that says that they cannot be ranked; else why there is none. */
export function findVerdict(
  { images, twins, votes }: VerdictFacts,
  { sources, policy, combination }: LinkRules,
): Verdict | "no-verdict" | "min-votes" {
  let without: "no-verdict" | "min-votes" = "no-verdict";
  for (const source of sources) {
    if (source === "people") {
      const people = rankByVotes(votes, images, twins);
      if (people.nVotes >= policy.min_votes) return { source, ranked: rankedBy(people.scores, images), people };
      if (people.nVotes > 0) without = "min-votes";
    } else {
      const scores = source === "combined" ? combineScores(images, combination) : scoresOf(source, images);
      if (scores.size > 1) return { source: rowSourceOf(source), ranked: rankedBy(scores, images), people: null };
    }
  }
  return without;
}

function scoresOf(judge: string, images: readonly UsableImage[]): ReadonlyMap<string, number> {
  const scores = new Map<string, number>();
  for (const image of images) {
    const score = image.scores.get(judge) ?? null;
    if (score !== null) scores.set(image.imageId, score);
  }
  return scores;
}

function rankedBy(scores: ReadonlyMap<string, number>, images: readonly UsableImage[]): Ranked[] {
  const ranked = images.flatMap((image): Ranked[] => {
    const score = scores.get(image.imageId);
    return score === undefined ? [] : [{ image, score: roundDecimals(score) }];
  });
  return ranked.toSorted(byRank);
}
