import { bradleyTerry, isConnected, computeWinShares } from "./bradley-terry.ts";
import type { UsableImage } from "./filters.ts";
import type { Vote } from "./group-facts.ts";

/** A vote in terms of usable images: twins are one, dropped ones are gone. */
interface Ballot {
  readonly bothBad: boolean;
  /** Place of each image shown, 0 the best; null: after all others, in no order. */
  readonly places: ReadonlyMap<string, number | null>;
}

/** What people said of one group. */
export interface PeopleVerdict {
  /** Votes that say something of two usable images or more. */
  readonly nVotes: number;
  /** True if the comparisons connect all ranked images, so that the order of two follows even where no vote showed both. */
  readonly connected: boolean;
  /** 0…1 by image_id; empty where no vote preferred or tied anything. Images that nobody compared are missing. */
  readonly scores: ReadonlyMap<string, number>;
  /** What the votes say of one row. */
  readonly support: (chosen: string, rejected: readonly string[]) => Support;
  /** What the votes say of two images. */
  readonly compare: (first: string, second: string) => Comparison;
}

/** Votes that compared two images, by what they say of them. */
export interface Comparison {
  /** Those that put one above the other. */
  readonly preferring: number;
  /** Those that gave both one place. */
  readonly tied: number;
  readonly bothBad: number;
}

export interface Support {
  /** Votes that showed the chosen and a rejected image. */
  readonly votes: number;
  /** Those that put the chosen above every rejected image they showed. */
  readonly agreeing: number;
  /** Those that called them all bad. */
  readonly bothBad: number;
}

/**
 * Ranks a group by its votes. From two votes on, if comparisons connect every image: Bradley–Terry, so that beating a strong image
 * counts more and cycles even out. Else the share of wins. Skips say nothing; "both bad" and ties count as votes, but prefer none.
 */
export function rankByVotes(votes: readonly Vote[], images: readonly UsableImage[], twins: ReadonlyMap<string, string>): PeopleVerdict {
  const usable = new Set(images.map(({ imageId }) => imageId));
  const ballots = votes.flatMap((vote) => ballotOf(vote, { usable, twins }) ?? []);
  const ids = comparedIds(ballots, usable);
  const wins = winMatrix(ballots, ids);
  const connected = isConnected(wins);
  const ranks = connected && ballots.length > 1 ? bradleyTerry(wins) : computeWinShares(wins);
  return {
    nVotes: ballots.length,
    connected,
    scores: new Map(ids.map((id, index) => [id, ranks[index] ?? 0])),
    support: (chosen, rejected) => supportOf(ballots, chosen, rejected),
    compare: (first, second) => comparisonOf(ballots, first, second),
  };
}

function ballotOf(
  vote: Vote,
  { usable, twins }: { readonly usable: ReadonlySet<string>; readonly twins: ReadonlyMap<string, string> },
): Ballot | null {
  if (vote.kind === "skip") return null;
  const places = new Map<string, number | null>();
  const place = (imageId: string, at: number | null): void => {
    const id = twins.get(imageId) ?? imageId;
    // Of twins that one vote put on two places the better one counts: the image was good enough for it.
    if (usable.has(id) && !places.has(id)) places.set(id, at);
  };
  for (const [index, tier] of vote.ranking.entries()) for (const imageId of tier) place(imageId, index);
  for (const imageId of vote.shown) place(imageId, null);
  const saysSomething = vote.kind === "both_bad" || [...places.values()].some((at) => at !== null);
  return places.size < 2 || !saysSomething ? null : { bothBad: vote.kind === "both_bad", places };
}

/** The images that some vote preferred, put behind or tied, in image_id order. */
function comparedIds(ballots: readonly Ballot[], usable: ReadonlySet<string>): string[] {
  const compared = new Set(ballots.flatMap(({ bothBad, places }) => (bothBad ? [] : [...places.keys()])));
  return [...usable].filter((id) => compared.has(id));
}

/** True if a vote puts one image strictly above the other. */
function isAbove(upper: number | null | undefined, lower: number | null | undefined): boolean {
  if (upper === undefined || upper === null || lower === undefined) return false;
  return lower === null || upper < lower;
}

function winMatrix(ballots: readonly Ballot[], ids: readonly string[]): number[][] {
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

function supportOf(ballots: readonly Ballot[], chosen: string, rejected: readonly string[]): Support {
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

/** Votes for another image say nothing of two losers. */
function comparisonOf(ballots: readonly Ballot[], first: string, second: string): Comparison {
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
