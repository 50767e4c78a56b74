import { bradleyTerry, isConnected, computeWinShares } from "./bradley-terry.ts";
import type { UsableImage } from "./filters.ts";
import type { Vote } from "./group-facts.ts";

/** A vote about usable images. Duplicates are one image, dropped images are removed. */
interface Ballot {
  readonly bothBad: boolean;
  /** Place of each shown image, 0 for the best. Null: after all others, without an order. */
  readonly places: ReadonlyMap<string, number | null>;
}

/** The result of people's votes on one group. */
export interface PeopleVerdict {
  /** Number of votes that say something about at least two usable images. */
  readonly nVotes: number;
  /** True if the comparisons connect all ranked images, so that any two can be ordered even if no vote showed both. */
  readonly connected: boolean;
  /** Scores 0…1 by image_id. Images that nobody compared are missing. */
  readonly scores: ReadonlyMap<string, number>;
  /** Counts the votes for and against one row. */
  readonly support: (chosen: string, rejected: readonly string[]) => Support;
  /** Counts the votes on two images. */
  readonly compare: (first: string, second: string) => Comparison;
}

/** Numbers of votes that compared two images. */
export interface Comparison {
  /** Votes that prefer one of them. */
  readonly preferring: number;
  /** Votes that put both on the same place. */
  readonly tied: number;
  readonly bothBad: number;
}

/** Numbers of votes on a row. */
export interface Support {
  /** Votes that showed the chosen and a rejected image. */
  readonly votes: number;
  /** Votes that prefer the chosen image to every rejected image they showed. */
  readonly agreeing: number;
  /** Votes that call all of them bad. */
  readonly bothBad: number;
}

/**
 * Ranks a group by its votes. With two or more votes that connect all images it uses Bradley–Terry, so that a win over a strong image
 * counts more and cycles balance. Otherwise it uses the share of wins. Skips do not count. "Both bad" and ties count as votes without a
 * preference.
 */
export function rankByVotes(votes: readonly Vote[], images: readonly UsableImage[], twins: ReadonlyMap<string, string>): PeopleVerdict {
  const usable = new Set(images.map(({ imageId }) => imageId));
  const ballots = votes.flatMap((vote) => readBallot(vote, { usable, twins }) ?? []);
  const ids = comparedIds(ballots, usable);
  const wins = buildWinMatrix(ballots, ids);
  const connected = isConnected(wins);
  const ranks = connected && ballots.length > 1 ? bradleyTerry(wins) : computeWinShares(wins);
  return {
    nVotes: ballots.length,
    connected,
    scores: new Map(ids.map((id, index) => [id, ranks[index] ?? 0])),
    support: (chosen, rejected) => countSupport(ballots, chosen, rejected),
    compare: (first, second) => countComparison(ballots, first, second),
  };
}

function readBallot(
  vote: Vote,
  { usable, twins }: { readonly usable: ReadonlySet<string>; readonly twins: ReadonlyMap<string, string> },
): Ballot | null {
  if (vote.kind === "skip") return null;
  const places = new Map<string, number | null>();
  const place = (imageId: string, at: number | null): void => {
    const id = twins.get(imageId) ?? imageId;
    // If a vote put duplicates on two places, the better place counts.
    if (usable.has(id) && !places.has(id)) places.set(id, at);
  };
  for (const [index, tier] of vote.ranking.entries()) for (const imageId of tier) place(imageId, index);
  for (const imageId of vote.shown) place(imageId, null);
  const saysSomething = vote.kind === "both_bad" || [...places.values()].some((at) => at !== null);
  return places.size < 2 || !saysSomething ? null : { bothBad: vote.kind === "both_bad", places };
}

/** Returns the images that some vote ranked, in image_id order. */
function comparedIds(ballots: readonly Ballot[], usable: ReadonlySet<string>): string[] {
  const compared = new Set(ballots.flatMap(({ bothBad, places }) => (bothBad ? [] : [...places.keys()])));
  return [...usable].filter((id) => compared.has(id));
}

/** Returns true if the place `upper` is strictly better than `lower`. */
function isAbove(upper: number | null | undefined, lower: number | null | undefined): boolean {
  if (upper === undefined || upper === null || lower === undefined) return false;
  return lower === null || upper < lower;
}

function buildWinMatrix(ballots: readonly Ballot[], ids: readonly string[]): number[][] {
  const indexOf = new Map(ids.map((id, index) => [id, index]));
  const wins = ids.map(() => ids.map(() => 0));
  const add = (winner: string, loser: string, amount: number): void => {
    const row = wins[indexOf.get(winner) ?? -1];
    const column = indexOf.get(loser);
    if (row !== undefined && column !== undefined) row[column] = (row[column] ?? 0) + amount;
  };
  for (const { bothBad, places } of ballots) {
    if (bothBad) continue;
    const placed = [...places];
    for (const [first, [a, placeA]] of placed.entries()) {
      for (const [b, placeB] of placed.slice(first + 1)) {
        if (isAbove(placeA, placeB)) add(a, b, 1);
        else if (isAbove(placeB, placeA)) add(b, a, 1);
        else if (placeA !== null) {
          add(a, b, 0.5);
          add(b, a, 0.5);
        }
      }
    }
  }
  return wins;
}

function countSupport(ballots: readonly Ballot[], chosen: string, rejected: readonly string[]): Support {
  let votes = 0;
  let agreeing = 0;
  let bothBad = 0;
  for (const ballot of ballots) {
    const place = ballot.places.get(chosen);
    const shown = rejected.filter((id) => ballot.places.has(id));
    if (place === undefined || shown.length === 0) continue;
    votes++;
    if (ballot.bothBad) bothBad++;
    else if (shown.every((id) => isAbove(place, ballot.places.get(id)))) agreeing++;
  }
  return { votes, agreeing, bothBad };
}

/** Counts the votes on two images. A vote for a third image says nothing about them. */
function countComparison(ballots: readonly Ballot[], first: string, second: string): Comparison {
  const counts = { preferring: 0, tied: 0, bothBad: 0 };
  for (const { bothBad, places } of ballots) {
    const [placeA, placeB] = [places.get(first), places.get(second)];
    if (placeA === undefined || placeB === undefined) continue;
    if (bothBad) counts.bothBad++;
    else if (isAbove(placeA, placeB) || isAbove(placeB, placeA)) counts.preferring++;
    else if (placeA !== null) counts.tied++;
  }
  return counts;
}
