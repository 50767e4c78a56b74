import { BLANK_LUMA_STD, type Inspection } from "../images/inspection.ts";
import type { Judge } from "./judge.ts";
import { roundDecimals } from "../lib/round-decimals.ts";

/** Raised whenever the formula changes: old scores stay beside the new. */
const VERSION = "1";

/** Mean absolute Laplacian at which sharpness counts half: photographs have 5 to 20, images out of focus below 2. */
const HALF_SHARPNESS = 8;
/** Standard deviation of luma from which contrast is full: half of that of an evenly filled range is 37, black and white is 127.5. */
const FULL_CONTRAST = 64;
const ENTROPY_MAX_BITS = 8;

/**
 * A technical score from the one decode, no human preference: it knows blur, flatness and blank images, nothing of the prompt.
 * score = ∛(sharpness / (sharpness + 8) · min(1, lumaStd / 64) · entropy / 8), 0…1; 0 where blank.
 * The geometric mean, so that no one measure makes up for another.
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

/** 0…1, to 6 decimals. */
export function computeTechnicalScore({ sharpness, lumaStd, entropy }: Pick<Inspection, "sharpness" | "lumaStd" | "entropy">): number {
  if (lumaStd < BLANK_LUMA_STD) return 0;
  const focus = sharpness / (sharpness + HALF_SHARPNESS);
  const contrast = Math.min(1, lumaStd / FULL_CONTRAST);
  return roundDecimals(Math.cbrt(focus * contrast * (entropy / ENTROPY_MAX_BITS)));
}
