import type { UsableImage } from "../link/filters.ts";
import type { Vote } from "../link/group-facts.ts";
import { verdictOfPeople } from "../link/people.ts";

/** What people said of the pairs of one group that some vote showed together. */
export interface PeoplePairs {
  /** image_ids: more votes put the first above the second than the other way round. */
  readonly decided: readonly (readonly [winner: string, loser: string])[];
  /** As many votes either way, or none. */
  readonly ties: number;
}

interface VotedGroup {
  readonly images: readonly UsableImage[];
  readonly votes: readonly Vote[];
  readonly twins: ReadonlyMap<string, string>;
}

/** The majority of each pair; no model, which would make an opinion of pairs that nobody saw. */
export function peoplePairs({ images, votes, twins }: VotedGroup): PeoplePairs {
  const { support } = verdictOfPeople(votes, images, twins);
  const decided: [string, string][] = [];
  let ties = 0;
  for (const [index, { imageId: first }] of images.entries()) {
    for (const { imageId: second } of images.slice(index + 1)) {
      const forFirst = support(first, [second]);
      const forSecond = support(second, [first]);
      if (forFirst.agreeing > forSecond.agreeing) decided.push([first, second]);
      else if (forSecond.agreeing > forFirst.agreeing) decided.push([second, first]);
      else if (isCompared(forFirst.votes, { votes, first, second })) ties++;
    }
  }
  return { decided, ties };
}

interface Pair {
  readonly votes: readonly Vote[];
  readonly first: string;
  readonly second: string;
}

/** A best of four says nothing of the other three: that is no tie. */
function isCompared(shownTogether: number, { votes, first, second }: Pair): boolean {
  const isRanked = ({ ranking }: Vote): boolean => ranking.some((tier) => tier.includes(first) || tier.includes(second));
  return shownTogether > 0 && votes.some((vote) => vote.kind === "both_bad" || isRanked(vote));
}
