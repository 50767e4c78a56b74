import type { JudgeImage } from "../judge.ts";
import type { OpenaiJudgeConfig } from "./chat.ts";
import type { ChatAnswer } from "./chat-answer.ts";
import { parseChoice } from "./parse-choice.ts";
import type { Mode } from "./mode.ts";
import { imageUrl } from "./image-url.ts";
import { CHOICE_SHAPE } from "./question.ts";
import type { Template } from "./template.ts";
import { comparisonsOf, winShares, type Comparison } from "./win-shares.ts";

/**
 * Two images at a time, in both orders. `pairs: all`: every two of a group. `top-bottom`: the best and the worst by another judge, all
 * others are null. Scores are shares of wins.
 */
export function pairwiseMode({ max_side: maxSidePx, pairs }: OpenaiJudgeConfig, template: Template): Mode {
  const compared = (images: readonly JudgeImage[]): readonly JudgeImage[] => (pairs === "all" ? images : topAndBottom(images));
  return {
    relative: true,
    countQuestions: (images) => (images < 2 ? 0 : pairs === "all" ? images * (images - 1) : 2),
    questionsOf(prompt, images) {
      const byId = new Map(images.map((image) => [image.imageId, image]));
      return comparisonsOf(idsOf(compared(images))).map((comparison) => ({
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
      const said = comparisonsOf(ids).map((comparison) => {
        const answer = answers.get(keyOf(comparison));
        return { ...comparison, choice: answer?.content == null ? null : parseChoice(answer.content) };
      });
      const shares = winShares(ids, said);
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
