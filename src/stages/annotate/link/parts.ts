import type { PairsPolicy } from "../../../config/schema.ts";
import type { CandidateImage } from "./group-facts.ts";

/**
 * Under `within` each variant is a group of its own, with its own common size and its own ranking. Flags of people hold beyond it: they
 * are about the image, whichever of its copies people saw.
 */
export function partsOf(images: readonly CandidateImage[], across: PairsPolicy["across"]): readonly (readonly CandidateImage[])[] {
  const marked = images.some(({ flagged, flawed }) => flagged || flawed) ? markCopies(images) : images;
  return across === "within" ? [...Map.groupBy(marked, ({ variant }) => variant).values()] : [marked];
}

function markCopies(images: readonly CandidateImage[]): readonly CandidateImage[] {
  const pixelsOf = (name: "flagged" | "flawed"): ReadonlySet<string> =>
    new Set(images.flatMap(({ look, ...image }) => (image[name] && look !== null ? [look.pixelSha256] : [])));
  const [flagged, flawed] = [pixelsOf("flagged"), pixelsOf("flawed")];
  return images.map((image) => {
    const pixels = image.look?.pixelSha256 ?? "";
    return { ...image, flagged: image.flagged || flagged.has(pixels), flawed: image.flawed || flawed.has(pixels) };
  });
}
