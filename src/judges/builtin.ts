import { BLANK_LUMA_STD, type Inspection } from "../images/inspection.ts";
import type { Judge } from "./judge.ts";
import { roundDecimals } from "../lib/round-decimals.ts";

/** Raise it whenever the formula changes. Scores of the old version are kept beside the new ones. */
const VERSION = "1";

/** Mean absolute Laplacian at which the focus term is one half. Photographs have 5 to 20, blurred images less than 2. */
const HALF_SHARPNESS = 8;
/** Standard deviation of luma at which the contrast term reaches 1. Pure black and white has 127.5. */
const FULL_CONTRAST = 64;
const ENTROPY_MAX_BITS = 8;

/**
 * Creates the judge that scores technical quality from the measures of the inspection.
 * It detects blur, flat contrast and blank images. It knows nothing about the prompt or about what people prefer.
 * score = ∛(sharpness / (sharpness + 8) · min(1, lumaStd / 64) · entropy / 8), 0…1; 0 for a blank image.
 * It is a geometric mean, so that no measure can make up for another.
 */
export function createBuiltinJudge({ name }: { readonly name: string }): Judge {
  return {
    name,
    version: VERSION,
    technical: true,
    async score(_prompt, images) {
      return images.map(({ imageId, inspection }) => ({ imageId, score: computeTechnicalScore(inspection) }));
    },
  };
}

/** Computes the score, 0…1, rounded to 6 decimals. */
export function computeTechnicalScore({ sharpness, lumaStd, entropy }: Pick<Inspection, "sharpness" | "lumaStd" | "entropy">): number {
  if (lumaStd < BLANK_LUMA_STD) return 0;
  const focus = sharpness / (sharpness + HALF_SHARPNESS);
  const contrast = Math.min(1, lumaStd / FULL_CONTRAST);
  return roundDecimals(Math.cbrt(focus * contrast * (entropy / ENTROPY_MAX_BITS)));
}
