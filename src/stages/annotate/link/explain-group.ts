import { filterImages } from "./filters.ts";
import type { GroupFacts, ImageDrop, LinkRules, PromptDrop } from "./group-facts.ts";
import { partsOf } from "./parts.ts";
import { firstVerdict } from "./verdict.ts";

/** What linking thinks of one candidate. */
export interface ExplainedImage {
  /** Why it is in no pair, whatever the others are; null where it could be in one. */
  readonly why: ImageDrop | PromptDrop | null;
  /** Of the source that decides its group; null where that says nothing of it. */
  readonly score: number | null;
}

/** Says of each candidate of one prompt, by image_id, why it is left out or how it scores: what `linkGroup` counts, one by one. */
export function explainGroup(facts: GroupFacts, rules: LinkRules): ReadonlyMap<string, ExplainedImage> {
  const explained = new Map<string, ExplainedImage>();
  for (const part of partsOf(facts.images, rules.policy.across)) {
    const { images, twins, reasons } = filterImages(part, rules.filters);
    for (const [imageId, why] of reasons) explained.set(imageId, { why, score: null });
    const verdict = images.length < 2 ? "too-few-candidates" : firstVerdict({ images, twins, votes: facts.votes }, rules);
    const ranked = typeof verdict === "string" ? [] : verdict.ranked;
    const scores = new Map(ranked.map(({ image, score }) => [image.imageId, score]));
    for (const { imageId } of images) {
      const score = scores.get(imageId) ?? null;
      explained.set(imageId, { score, why: typeof verdict === "string" ? verdict : score === null ? "unscored" : null });
    }
  }
  return explained;
}
