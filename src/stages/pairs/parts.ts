import type { PairsPolicy } from "../../config/schema.ts";
import type { CandidateImage } from "./group-facts.ts";

/** Under `within` each variant is a group of its own, with its own common size and its own ranking. */
export function partsOf(images: readonly CandidateImage[], across: PairsPolicy["across"]): readonly (readonly CandidateImage[])[] {
  return across === "within" ? [...Map.groupBy(images, ({ variant }) => variant).values()] : [images];
}
