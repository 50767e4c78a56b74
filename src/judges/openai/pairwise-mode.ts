import type { JudgeImage } from "../judge.ts";
import type { OpenaiJudgeConfig } from "./chat.ts";
import { parseChoice, type Choice } from "./parse-answer.ts";
import type { Mode } from "./mode.ts";
import { imageUrl } from "./image-url.ts";
import { type ChatAnswer, CHOICE_SHAPE } from "./chat-completion.ts";
import type { Template } from "./template.ts";
import { roundDecimals } from "../../lib/round-decimals.ts";

/** Two images as a model was shown them. */
interface Comparison {
  readonly a: string;
  readonly b: string;
}

/** What it said then; null where that could not be read. */
interface Compared extends Comparison {
  readonly choice: Choice | null;
}

/** Every two of the images in both orders, the same for the same list. */
export function listComparisons(ids: readonly string[]): readonly Comparison[] {
  return ids.flatMap((a, index) =>
    ids.slice(index + 1).flatMap((b) => [
      { a, b },
      { a: b, b: a },
    ]),
  );
}

/**
 * Score of each image: its wins among its comparisons, a tie is half a win, 0…1; null without any comparison that counts.
 * Two images count once: as a win where both orders agree, else as a tie, since then the place decided. Without two readable answers
 * they do not count.
 */
export function computeWinShares(ids: readonly string[], compared: readonly Compared[]): ReadonlyMap<string, number | null> {
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

/** 1, 0 or ½ for the image that stood first in the first of both orders. */
function shareOfFirst(asA: Choice | null, asB: Choice | null): number | null {
  if (asA === null || asB === null) return null;
  if (asA === "A" && asB === "B") return 1;
  return asA === "B" && asB === "A" ? 0 : 0.5;
}

/**
 * Two images at a time, in both orders. `pairs: all`: every two of a group. `top-bottom`: the best and the worst by another judge, all
 * others are null. Scores are shares of wins.
 */
export function createPairwiseMode({ max_side: maxSidePx, pairs }: OpenaiJudgeConfig, template: Template): Mode {
  const compared = (images: readonly JudgeImage[]): readonly JudgeImage[] => (pairs === "all" ? images : topAndBottom(images));
  return {
    relative: true,
    countQuestions: (images) => (images < 2 ? 0 : pairs === "all" ? images * (images - 1) : 2),
    questionsOf(prompt, images) {
      const byId = new Map(images.map((image) => [image.imageId, image]));
      return listComparisons(idsOf(compared(images))).map((comparison) => ({
        key: keyOf(comparison),
        question: async (signal) => ({
          text: template.fill(prompt),
          images: await Promise.all(
            [comparison.a, comparison.b].flatMap((id, index) => {
              const image = byId.get(id);
              const label = `Picture ${index === 0 ? "A" : "B"}:`;
              return image === undefined ? [] : [imageUrl(image, maxSidePx, signal).then((url) => ({ label, url }))];
            }),
          ),
          answer: CHOICE_SHAPE,
        }),
      }));
    },
    scoresOf(images, answers) {
      const ids = idsOf(compared(images));
      const said = listComparisons(ids).map((comparison) => {
        const answer = answers.get(keyOf(comparison));
        return { ...comparison, choice: answer?.content == null ? null : parseChoice(answer.content) };
      });
      const shares = computeWinShares(ids, said);
      return images.map(({ imageId }) => ({ imageId, score: shares.get(imageId) ?? null, ...rawOf(imageId, said, answers) }));
    },
  };
}

/** Best and worst by the other judge; of equals the first and the last by image_id. None where it scored fewer than two. */
function topAndBottom(images: readonly JudgeImage[]): readonly JudgeImage[] {
  const ranked = images
    .flatMap((image) => (image.earlierScore === null ? [] : [{ image, score: image.earlierScore }]))
    .toSorted((first, second) => second.score - first.score || (first.image.imageId < second.image.imageId ? -1 : 1));
  const [top] = ranked;
  const bottom = ranked.at(-1);
  return top === undefined || bottom === undefined || top === bottom ? [] : [top.image, bottom.image];
}

/** What was said with the image in the first place; the other order is kept with the other image. */
function rawOf(imageId: string, said: readonly Comparison[], answers: ReadonlyMap<string, ChatAnswer>): { readonly raw?: string } {
  const first = said.filter(({ a }) => a === imageId);
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
