import { counted } from "../../lib/words.ts";

/** Says what flags of people cost the pairs; undefined where they cost nothing. */
export function describeFlags({ images, pairs }: { readonly images: number; readonly pairs: number }): string | undefined {
  const costs = [
    ...(images > 0 ? [`${counted(images, "image")} left out`] : []),
    ...(pairs > 0 ? [`${counted(pairs, "pair")} not made, because the better image is flagged`] : []),
  ];
  return costs.length === 0 ? undefined : `flags: ${costs.join(", ")}`;
}
