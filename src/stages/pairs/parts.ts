import type { PairsPolicy } from "../../config/schema.ts";
import type { CandidateImage } from "./group-facts.ts";

/**
 * Under `within` each variant is a group of its own, with its own common size and its own ranking. Flags of people hold beyond it: they
 * are about the picture, whichever of its copies people saw.
 */
export function partsOf(images: readonly CandidateImage[], across: PairsPolicy["across"]): readonly (readonly CandidateImage[])[] {
  const flaggedPixels = new Set(images.flatMap(({ flagged, look }) => (flagged && look !== null ? [look.pixelSha256] : [])));
  const isFlagged = ({ flagged, look }: CandidateImage): boolean => flagged || (look !== null && flaggedPixels.has(look.pixelSha256));
  const marked = flaggedPixels.size === 0 ? images : images.map((image) => ({ ...image, flagged: isFlagged(image) }));
  return across === "within" ? [...Map.groupBy(marked, ({ variant }) => variant).values()] : [marked];
}
