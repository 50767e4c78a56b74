import type { OpenaiJudgeConfig } from "./chat.ts";
import type { Mode } from "./mode.ts";
import { imageUrl } from "./image-url.ts";
import { RATING_SHAPE } from "./chat-completion.ts";
import type { Template } from "./template.ts";
import { parseRating } from "./parse-answer.ts";

/** Of our own question. Another may ask for any numbers. */
const OWN_SCALE = { from: 1, to: 10 };

/** Every image by itself: a rating. */
export function createPointwiseMode({ max_side: maxSidePx, prompt_file: file }: OpenaiJudgeConfig, template: Template): Mode {
  const isOnScale = (rating: number): boolean => file !== null || (rating >= OWN_SCALE.from && rating <= OWN_SCALE.to);
  return {
    relative: false,
    countQuestions: (images) => images,
    questionsOf: (prompt, images) =>
      images.map((image) => ({
        key: image.imageId,
        question: async (signal) => ({
          text: template.fill(prompt),
          images: [{ label: null, url: await imageUrl(image, maxSidePx, signal) }],
          answer: RATING_SHAPE,
        }),
      })),
    scoresOf: (images, answers) =>
      images.map(({ imageId }) => {
        const answer = answers.get(imageId);
        const rating = answer?.content == null ? null : parseRating(answer.content);
        return {
          imageId,
          score: rating !== null && isOnScale(rating) ? rating : null,
          ...(answer === undefined ? {} : { raw: answer.raw }),
        };
      }),
  };
}
