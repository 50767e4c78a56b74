import type { OpenaiJudgeConfig } from "./chat.ts";
import type { Mode } from "./mode.ts";
import { readImageUrl } from "./image-url.ts";
import { RATING_SHAPE } from "./chat-completion.ts";
import type { Template } from "./template.ts";
import { parseRating } from "./parse-answer.ts";

/** The ratings that our own question asks for. Another question may ask for any numbers. */
const OWN_SCALE = { from: 1, to: 10 };

/** Creates the mode that asks for a rating of each image by itself. */
export function createPointwiseMode({ max_side: maxSidePx, prompt_file: file }: OpenaiJudgeConfig, template: Template): Mode {
  const isOnScale = (rating: number): boolean => file !== null || (rating >= OWN_SCALE.from && rating <= OWN_SCALE.to);
  return {
    relative: false,
    countQuestions: (images) => images,
    planQuestions: (prompt, images) =>
      images.map((image) => ({
        key: image.imageId,
        create: async (signal) => ({
          text: template.fill(prompt),
          images: [{ label: null, url: await readImageUrl(image, maxSidePx, signal) }],
          answer: RATING_SHAPE,
        }),
      })),
    readScores: (images, answers) =>
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
