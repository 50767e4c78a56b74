import { createHash } from "node:crypto";
import type { TaskKind } from "../../api.ts";

/** Most images on one screen: with a fifth, each would be too small to judge. */
const SHOWN_MAX = 4;

/** Smaller than the difference of two scores. It orders equal gaps at random and gives every comparison its own place in the queue. */
const TIE_SPREAD = 1e-6;

export type Order = "uncertain" | "random" | "swiss";

/** An image that may be shown. */
export interface PlannedImage {
  readonly imageId: string;
  /** The score of the rules' judge. Null if it gave none. */
  readonly score: number | null;
}

export interface PlanRules {
  readonly task: TaskKind;
  readonly order: Order;
}

/** Images to be compared with each other. */
export interface PlannedComparison {
  /** image_ids, sorted. */
  readonly images: readonly string[];
  /** Lower comes first. */
  readonly priority: number;
}

/**
 * Plans what people compare for one prompt. For a Swiss tournament, only its first round (see `planSwissRound`).
 * Pairs: as many rounds as a Swiss tournament has, ceil(log2 n). Every image meets another in each round, so that the comparisons connect
 * all images. More images than fit on a screen: several screens, each of which shares an image with the one before, for the same reason.
 * Depends on ids, scores and rules alone: planning again gives the same.
 */
export function planComparisons(images: readonly PlannedImage[], { task, order }: PlanRules): readonly PlannedComparison[] {
  if (images.length < 2) return [];
  const lineUp = order === "uncertain" ? sortByScore(images) : shuffle(images);
  const groups = task === "pair" ? pairRoundRobin(lineUp, order === "swiss" ? 1 : countRounds(lineUp.length)) : splitIntoScreens(lineUp);
  return groups.map((group) => {
    const ids = group.map(({ imageId }) => imageId).toSorted();
    const share = hashToShare(ids.join());
    return { images: ids, priority: order === "uncertain" ? measureGap(group) + share * TIE_SPREAD : share };
  });
}

/** Returns the number of rounds after which one of n images has won all, if nothing is tied. */
export function countRounds(images: number): number {
  return Math.max(1, Math.ceil(Math.log2(images)));
}

/** Sorts best first, equal scores by id, unknown scores last. */
function sortByScore(images: readonly PlannedImage[]): readonly PlannedImage[] {
  return images.toSorted(
    (first, second) => (second.score ?? -Infinity) - (first.score ?? -Infinity) || (first.imageId < second.imageId ? -1 : 1),
  );
}

/** Shuffles by a hash of the ids: the same order every time. */
function shuffle(images: readonly PlannedImage[]): readonly PlannedImage[] {
  return images.toSorted((first, second) => hashToShare(first.imageId) - hashToShare(second.imageId));
}

/**
 * Pairs the first rounds of a round robin by the circle method: one image stays, and the others move by one place each round. Two rounds
 * connect all images. With an odd number, one image pauses each round.
 */
function pairRoundRobin<T>(players: readonly T[], rounds: number): readonly (readonly [T, T])[] {
  const seats: (T | null)[] = players.length % 2 === 0 ? [...players] : [...players, null];
  const pairs: [T, T][] = [];
  for (let round = 0; round < Math.min(rounds, seats.length - 1); round++) {
    for (let seat = 0; seat < seats.length / 2; seat++) {
      const [first, second] = [seats[seat] ?? null, seats[seats.length - 1 - seat] ?? null];
      if (first !== null && second !== null) pairs.push([first, second]);
    }
    seats.splice(1, 0, seats.pop() ?? null);
  }
  return pairs;
}

function splitIntoScreens<T>(images: readonly T[]): readonly (readonly T[])[] {
  const all: (readonly T[])[] = [];
  for (let from = 0; from < images.length - 1; from += SHOWN_MAX - 1) all.push(images.slice(from, from + SHOWN_MAX));
  return all;
}

/** Returns the gap between the two best scores: the closer, the less is known. Returns 0 if a score is missing. */
function measureGap(group: readonly PlannedImage[]): number {
  const scores = group.map(({ score }) => score);
  if (scores.some((score) => score === null)) return 0;
  const [best = 0, next = 0] = scores.map(Number).toSorted((first, second) => second - first);
  return best - next;
}

/** A pair that was compared, and its outcome. */
export interface Match {
  readonly images: readonly [string, string];
  /** Null: a tie. */
  readonly winner: string | null;
}

/**
 * Plans the next round of a Swiss tournament: images with equally many wins meet, and no pair meets twice. A tie is half a win for each.
 * With an odd number the last one pauses, and so does an image that has no new opponent.
 * @param images all images of the tournament.
 */
export function planSwissRound(images: readonly string[], matches: readonly Match[]): readonly (readonly [string, string])[] {
  const wins = new Map(images.map((imageId) => [imageId, 0]));
  const met = new Set<string>();
  for (const { images: pair, winner } of matches) {
    met.add(keyOf(...pair));
    for (const imageId of pair) wins.set(imageId, (wins.get(imageId) ?? 0) + (winner === null ? 0.5 : winner === imageId ? 1 : 0));
  }
  const standing = images.toSorted((first, second) => (wins.get(second) ?? 0) - (wins.get(first) ?? 0) || (first < second ? -1 : 1));
  const pairs: [string, string][] = [];
  while (standing.length > 1) {
    const first = standing.shift();
    const at = standing.findIndex((second) => first !== undefined && !met.has(keyOf(first, second)));
    const second = at < 0 ? undefined : standing.splice(at, 1)[0];
    if (first !== undefined && second !== undefined) pairs.push(first < second ? [first, second] : [second, first]);
  }
  return pairs;
}

function keyOf(first: string, second: string): string {
  return first < second ? `${first} ${second}` : `${second} ${first}`;
}

/** Returns a number from 0 up to 1 that depends on the text alone: chance that is the same every time. */
export function hashToShare(text: string): number {
  return createHash("sha256").update(text).digest().readUInt32BE(0) / 2 ** 32;
}
