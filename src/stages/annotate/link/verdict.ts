import { combineScores } from "./combine-scores.ts";
import type { UsableImage } from "./filters.ts";
import type { LinkRules, Vote } from "./group-facts.ts";
import { type PeopleVerdict, rankByVotes } from "./people.ts";
import { byRank, type Ranked } from "./policies.ts";
import { rowSourceOf } from "./link-rules.ts";
import { roundDecimals } from "../../../lib/round-decimals.ts";

/** A ranking and its source. */
export interface Verdict {
  /** `people`, `judge:<name>` or `combined`. */
  readonly source: string;
  /** Best first. Images that the source has no score of are missing. */
  readonly ranked: readonly Ranked[];
  /** Null if judges decided. */
  readonly people: PeopleVerdict | null;
}

export interface VerdictFacts {
  /** In image_id order. */
  readonly images: readonly UsableImage[];
  readonly twins: ReadonlyMap<string, string>;
  readonly votes: readonly Vote[];
}

/** Finds the first source that decides the group: people with enough votes, or a judge with scores of two images. Otherwise returns why there is none. */
export function findVerdict(
  { images, twins, votes }: VerdictFacts,
  { sources, policy, combination }: LinkRules,
): Verdict | "no-verdict" | "min-votes" {
  let missing: "no-verdict" | "min-votes" = "no-verdict";
  for (const source of sources) {
    if (source === "people") {
      const people = rankByVotes(votes, images, twins);
      if (people.nVotes >= policy.min_votes) return { source, ranked: rankByScores(people.scores, images), people };
      if (people.nVotes > 0) missing = "min-votes";
    } else {
      const scores = source === "combined" ? combineScores(images, combination) : readScores(source, images);
      if (scores.size > 1) return { source: rowSourceOf(source), ranked: rankByScores(scores, images), people: null };
    }
  }
  return missing;
}

function readScores(judge: string, images: readonly UsableImage[]): ReadonlyMap<string, number> {
  const scores = new Map<string, number>();
  for (const image of images) {
    const score = image.scores.get(judge) ?? null;
    if (score !== null) scores.set(image.imageId, score);
  }
  return scores;
}

function rankByScores(scores: ReadonlyMap<string, number>, images: readonly UsableImage[]): Ranked[] {
  const ranked = images.flatMap((image): Ranked[] => {
    const score = scores.get(image.imageId);
    return score === undefined ? [] : [{ image, score: roundDecimals(score) }];
  });
  return ranked.toSorted(byRank);
}
