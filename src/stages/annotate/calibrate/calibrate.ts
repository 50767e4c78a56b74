import { setImmediate } from "node:timers/promises";
import type { Context } from "../../../context.ts";
import { type JudgeAccuracy, openAccuracy, type PeoplePairs } from "./judge-accuracy.ts";
import { type FinalGroup, openGroupSources, readGroups } from "../link/read-groups.ts";
import { combineScores } from "../link/combine-scores.ts";
import { filterImages, type UsableImage, splitByVariant } from "../link/filters.ts";
import { findTechnicalSources, readCombination } from "../link/link-rules.ts";
import type { Vote } from "../link/group-facts.ts";
import { rankByVotes } from "../link/people.ts";

/** The accuracy of one source of scores under one criterion. */
export interface Calibration extends JudgeAccuracy {
  readonly criterion: string;
  /** A judge's name, or `combined`. */
  readonly judge: string;
  readonly isTechnical: boolean;
}

export interface CalibrateNeeds extends Pick<Context, "config" | "db" | "judges" | "signal"> {
  /** The share of agreement that is wanted, 0…1. */
  readonly precision: number;
}

/**
 * Compares every judge with people's votes, and the combination of judges if a pair set uses it. It compares the images of final groups
 * that the filters leave. Reads what linking reads, writes nothing. Leaves out criteria without a vote.
 */
export async function calibrate({ config, db, judges, signal, precision }: CalibrateNeeds): Promise<readonly Calibration[]> {
  const { annotate } = config;
  const sources = openGroupSources(db, { config, judges });
  const { votes } = sources;
  const combination = readCombination(annotate);
  const technical = findTechnicalSources(judges, combination);
  const isCombined = Object.values(annotate.pairs).some(({ from }) => from.includes("combined"));
  const names = [
    ...judges.map(({ name }) => name).filter((name) => name !== annotate.filters.nsfw?.judge),
    ...(isCombined ? ["combined"] : []),
  ];
  const scoresOf = (judge: string, images: readonly UsableImage[]): ReadonlyMap<string, number | null> =>
    judge === "combined"
      ? combineScores(images, combination)
      : new Map(images.map(({ imageId, scores }) => [imageId, scores.get(judge) ?? null]));
  const open = annotate.criteria
    .filter((criterion) => votes.anyVoteUnder(criterion))
    .flatMap((criterion) => names.map((judge) => ({ criterion, judge, accuracy: openAccuracy() })));

  const addGroup = (group: FinalGroup): void => {
    // People may have compared any two images of a prompt, whatever `across` allows as pairs.
    const { images, twins } = filterImages(splitByVariant(group.images, "any")[0] ?? [], annotate.filters);
    const pairs = new Map([...group.votes].map(([criterion, cast]) => [criterion, findPeoplePairs({ images, twins, votes: cast })]));
    for (const { criterion, judge, accuracy } of open) {
      const compared = pairs.get(criterion);
      if (compared !== undefined) accuracy.add(compared, scoresOf(judge, images));
    }
  };
  for (const range of open.length === 0 ? [] : sources.groups.ranges()) {
    if (votes.votesIn(range).length > 0) for (const group of readGroups(range, sources).final) if (group.votes.size > 0) addGroup(group);
    await setImmediate(); // Lets signals be handled.
    signal.throwIfAborted();
  }
  return open.map(({ criterion, judge, accuracy }) => ({
    criterion,
    judge,
    isTechnical: technical.has(judge),
    ...accuracy.result(precision),
  }));
}

interface VotedGroup {
  readonly images: readonly UsableImage[];
  readonly votes: readonly Vote[];
  readonly twins: ReadonlyMap<string, string>;
}

/** Finds what the majority prefers in each pair that some vote showed. It uses no model, which would guess about pairs that nobody saw. */
export function findPeoplePairs({ images, votes, twins }: VotedGroup): PeoplePairs {
  const { support } = rankByVotes(votes, images, twins);
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

/** Returns true if a vote compares the two. A vote for the best of four says nothing about the other three, so that is no tie. */
function isCompared(shownTogether: number, { votes, first, second }: Pair): boolean {
  const isRanked = ({ ranking }: Vote): boolean => ranking.some((tier) => tier.includes(first) || tier.includes(second));
  return shownTogether > 0 && votes.some((vote) => vote.kind === "both_bad" || isRanked(vote));
}
