import type { JudgeImage } from "../judge.ts";
import type { OpenaiJudgeConfig } from "./chat.ts";
import { parseChoice, type Choice } from "./parse-answer.ts";
import type { Mode } from "./mode.ts";
import { readImageUrl } from "./image-url.ts";
import { type ChatAnswer, CHOICE_SHAPE } from "./chat-completion.ts";
import type { Template } from "./template.ts";
import { roundDecimals } from "../../lib/round-decimals.ts";

/** Two images in the order in which a model sees them. */
interface Comparison {
  readonly a: string;
  readonly b: string;
}

/** A comparison with its answer. The choice is null if it could not be read. */
interface JudgedComparison extends Comparison {
  readonly choice: Choice | null;
}

/** Lists every pair of images in both orders. The same list gives the same comparisons. */
export function listComparisons(ids: readonly string[]): readonly Comparison[] {
  return ids.flatMap((a, index) =>
    ids.slice(index + 1).flatMap((b) => [
      { a, b },
      { a: b, b: a },
    ]),
  );
}

/**
 * Computes the score of each image, 0…1: the share of its pairs that it wins, where a tie is half a win. Null if none of its pairs counts.
 * A pair counts once. It is a win if both orders agree, otherwise a tie, because the position decided. It does not count unless both
 * answers could be read.
 */
export function computeWinShares(ids: readonly string[], compared: readonly JudgedComparison[]): ReadonlyMap<string, number | null> {
  const choices = new Map(compared.map(({ a, b, choice }) => [keyOf({ a, b }), choice]));
  const tally = new Map(ids.map((id) => [id, { won: 0, counted: 0 }]));
  for (const { a, b } of compared) {
    if (a > b) continue; // The other order of the same two.
    const share = shareOfFirst(choices.get(keyOf({ a, b })) ?? null, choices.get(keyOf({ a: b, b: a })) ?? null);
    const [first, second] = [tally.get(a), tally.get(b)];
    if (share === null || first === undefined || second === undefined) continue;
    first.won += share;
    second.won += 1 - share;
    first.counted++;
    second.counted++;
  }
  return new Map([...tally].map(([id, { won, counted }]) => [id, counted === 0 ? null : roundDecimals(won / counted)]));
}

/** Returns 1, 0 or ½ for the image that is A in `asA` and B in `asB`. */
function shareOfFirst(asA: Choice | null, asB: Choice | null): number | null {
  if (asA === null || asB === null) return null;
  if (asA === "A" && asB === "B") return 1;
  return asA === "B" && asB === "A" ? 0 : 0.5;
}

/**
 * Creates the mode that compares two images at a time, in both orders. With `pairs: all` it compares every pair of a group. With
 * `top-bottom` it compares the best and the worst image of another judge; all others have no score. Scores are shares of wins.
 */
export function createPairwiseMode({ max_side: maxSidePx, pairs }: OpenaiJudgeConfig, template: Template): Mode {
  const compared = (images: readonly JudgeImage[]): readonly JudgeImage[] => (pairs === "all" ? images : chooseTopAndBottom(images));
  return {
    relative: true,
    countQuestions: (images) => (images < 2 ? 0 : pairs === "all" ? images * (images - 1) : 2),
    planQuestions(prompt, images) {
      const byId = new Map(images.map((image) => [image.imageId, image]));
      return listComparisons(idsOf(compared(images))).map((comparison) => ({
        key: keyOf(comparison),
        create: async (signal) => ({
          text: template.fill(prompt),
          images: await Promise.all(
            [comparison.a, comparison.b].flatMap((id, index) => {
              const image = byId.get(id);
              const label = `Picture ${index === 0 ? "A" : "B"}:`;
              return image === undefined ? [] : [readImageUrl(image, maxSidePx, signal).then((url) => ({ label, url }))];
            }),
          ),
          answer: CHOICE_SHAPE,
        }),
      }));
    },
    readScores(images, answers) {
      const ids = idsOf(compared(images));
      const judged = listComparisons(ids).map((comparison) => {
        const answer = answers.get(keyOf(comparison));
        return { ...comparison, choice: answer?.content == null ? null : parseChoice(answer.content) };
      });
      const shares = computeWinShares(ids, judged);
      return images.map(({ imageId }) => ({ imageId, score: shares.get(imageId) ?? null, ...rawOf(imageId, judged, answers) }));
    },
  };
}

/** Returns the best and the worst image by the other judge. Equal scores are ordered by image_id. Empty if it scored fewer than two. */
function chooseTopAndBottom(images: readonly JudgeImage[]): readonly JudgeImage[] {
  const ranked = images
    .flatMap((image) => (image.earlierScore === null ? [] : [{ image, score: image.earlierScore }]))
    .toSorted((first, second) => second.score - first.score || (first.image.imageId < second.image.imageId ? -1 : 1));
  const [top] = ranked;
  const bottom = ranked.at(-1);
  return top === undefined || bottom === undefined || top === bottom ? [] : [top.image, bottom.image];
}

/** Returns the raw answers in which the image was A. The other order is stored with the other image. */
function rawOf(imageId: string, judged: readonly Comparison[], answers: ReadonlyMap<string, ChatAnswer>): { readonly raw?: string } {
  const first = judged.filter(({ a }) => a === imageId);
  if (first.length === 0) return {};
  return {
    raw: JSON.stringify(first.map((comparison) => ({ against: comparison.b, answer: answers.get(keyOf(comparison))?.raw ?? null }))),
  };
}

function idsOf(images: readonly JudgeImage[]): readonly string[] {
  return images.map(({ imageId }) => imageId);
}

function keyOf({ a, b }: Comparison): string {
  return `${a} ${b}`;
}
