import { VoteError, type RawVote } from "../raw-vote.ts";
import { orderedPlaces } from "./ordered-places.ts";

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
 * What a label says: an image by its place, image name, side or number from 1, or a tie, both bad, skip.
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

/** In lower case, without separators. */
function wordsOnly(text: string): string {
  return text.toLowerCase().replaceAll(/[^\p{L}\p{N}]/gu, "");
}
