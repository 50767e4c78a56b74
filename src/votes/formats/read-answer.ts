import { VoteError, type RawVote, bareName, imageIdIn } from "../raw-vote.ts";
import type { VoteCandidate } from "../vote-format.ts";
import type { RecordPlace } from "./read-records.ts";
import type { Json } from "../../lib/exact-json.ts";

export type Outcome = Pick<RawVote, "kind" | "ranking">;

/** Words of label questions that say something else than an image, in lower case and without separators. */
const TIES = new Set(["tie", "equal", "bothgood", "same", "nopreference"]);
const BOTH_BAD = new Set(["bothbad", "allbad", "neither", "nonegood"]);
const SKIPS = new Set(["skip", "skipped", "cantchoose", "unsure"]);
const SIDES = new Map([
  ["left", 0],
  ["right", 1],
  ["a", 0],
  ["b", 1],
  ["c", 2],
  ["d", 3],
]);

/**
 * Reads a label: an image by its place, image name, side or number from 1, or a tie, both bad, skip.
 * @throws {VoteError} "bad-shape" for a word that means none of them.
 */
export function readAnswer(label: string, shown: ReadonlyMap<string, string>): Outcome {
  const names = [...shown.values()];
  const word = wordsOnly(label);
  if (TIES.has(word)) return { kind: "tie", ranking: [names] };
  if (BOTH_BAD.has(word)) return { kind: "both_bad", ranking: [] };
  if (SKIPS.has(word)) return { kind: "skip", ranking: [] };
  const alike = [...shown].find(([key]) => wordsOnly(key) === word); // Before numbers: with image_0 and image_1, "image1" is the second.
  const place = shown.get(label) ?? (names.includes(label) ? label : alike?.[1]);
  const index = SIDES.get(word) ?? (/^(?:image)?[1-9]\d*$/.test(word) ? Number(word.replace("image", "")) - 1 : -1);
  if (place === undefined && index >= 0 && orderedPlaces([...shown.keys()]) === null) {
    throw new VoteError(
      "bad-shape",
      `which of ${[...shown.keys()].join(", ")} is ${JSON.stringify(label)} cannot be told: answer with their names, or number them`,
    );
  }
  const chosen = place ?? names[index];
  if (chosen === undefined) {
    throw new VoteError(
      "bad-shape",
      `the answer ${JSON.stringify(label)} is no image of ${[...shown.keys()].join(", ")}, and no tie, both_bad or skip`,
    );
  }
  return { kind: "choice", ranking: [[chosen]] };
}

/** A ranking, best first, of places or names. @throws {VoteError} "contradiction" for one that was not shown. */
export function readRanking(tiers: readonly (readonly string[])[], shown: ReadonlyMap<string, string>): Outcome {
  const names = [...shown.values()];
  const ranking = tiers.map((tier) =>
    tier.map((item) => {
      const name = shown.get(item) ?? item;
      if (!names.includes(name)) throw new VoteError("contradiction", `the ranking names ${item}, which was not shown`);
      return name;
    }),
  );
  return { kind: ranking.length === 1 && ranking[0]?.length === names.length ? "tie" : "choice", ranking };
}

/** Returns the text in lower case, without separators. */
function wordsOnly(text: string): string {
  return text.toLowerCase().replaceAll(/[^\p{L}\p{N}]/gu, "");
}

/** The votes of one record. A record that is none is one candidate, which says why when it is read. */
export function* candidatesOf(
  { position, number: record }: Pick<RecordPlace, "position" | "number">,
  votes: () => Iterable<VoteCandidate["read"]>,
): Generator<VoteCandidate> {
  try {
    for (const read of votes()) yield { position, record, read };
  } catch (error) {
    if (!(error instanceof VoteError)) throw error;
    yield {
      position,
      record,
      read: () => {
        throw error;
      },
    };
  }
}

const SHA256 = /^[0-9a-f]{64}$/i;

/** Places of a record that hold an image, in the order that their names tell, else as they stand. */
export function shownImages(fields: Readonly<Record<string, Json>>): ReadonlyMap<string, string> {
  const found = new Map(
    Object.entries(fields).flatMap(([place, value]): (readonly [string, string])[] => {
      const name = typeof value === "string" ? bareName(value) : "";
      return SHA256.test(name) || imageIdIn(name) !== undefined ? [[place, name]] : [];
    }),
  );
  const order = orderedPlaces([...found.keys()]);
  return order === null ? found : new Map(order.map((place) => [place, found.get(place) ?? ""]));
}

/** A JSON value as a word: text as it is; nothing, lists and objects as "", which is no word of any tool. */
export function wordOf(value: Json | undefined): string {
  return value === undefined || value === null || typeof value === "object" ? "" : String(value);
}

const SIDE_RANKS = new Map([
  ["left", 0],
  ["right", 1],
  ["first", 0],
  ["second", 1],
  ["a", 0],
  ["b", 1],
  ["c", 2],
  ["d", 3],
]);

/** Matches the places where words begin: after a separator, at a capital, at a digit. */
const WORDS = /[_\-\s]+|(?<=[a-z])(?=[A-Z])|(?<=[A-Za-z])(?=\d)/;

/**
 * Places in the order that their names tell: `image_1`, `image_2`; `left_url`, `right_url`; `urlA`, `urlB`. Null where they tell none:
 * tools
 * keep no order of keys (Postgres' jsonb sorts them), so that "left" would be a guess, and half of the guesses turn votes round.
 */
export function orderedPlaces(places: readonly string[]): readonly string[] | null {
  const words = places.map((place) => place.split(WORDS).map((word) => word.toLowerCase()));
  const [first = [], ...others] = words;
  const differing = first.flatMap((word, index) => (others.some((other) => other[index] !== word) ? [index] : []));
  const [at, second] = differing;
  if (at === undefined || second !== undefined || others.some(({ length }) => length !== first.length)) return null;
  const ranks = words.map((one) => SIDE_RANKS.get(one[at] ?? "") ?? (/^\d+$/.test(one[at] ?? "") ? Number(one[at]) : null));
  const ranked = places.flatMap((place, index) => {
    const rank = ranks[index] ?? null;
    return rank === null ? [] : [{ place, rank }];
  });
  if (ranked.length < places.length || new Set(ranks).size < places.length) return null;
  return ranked.toSorted((one, other) => one.rank - other.rank).map(({ place }) => place);
}
