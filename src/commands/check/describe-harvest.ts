import type { CanaryImages } from "./compare-images.ts";
import type { Finding } from "./finding.ts";
import type { RehearsedImage } from "./rehearse-harvest.ts";

/** What harvest would store of one variant's canaries. */
export interface HarvestedCanary extends CanaryImages {
  readonly images: readonly RehearsedImage[];
}

/** Says which images harvest would take, and warns where nothing in them proves whose they are. */
export function describeHarvest(what: string, made: readonly HarvestedCanary[]): readonly Finding[] {
  const images = made.flatMap((canary) => canary.images);
  const kinds = [...new Set(images.map(({ format, widthPx, heightPx }) => `${format} ${widthPx}×${heightPx}`))].join(", ");
  const unproven = made.filter((canary) => canary.images.some(({ isUnproven }) => isUnproven)).map(({ server }) => server);
  const taken = `harvest would store ${kinds}`;
  if (unproven.length === 0) return [{ what, ok: true, text: `${taken}, proven by the prompt embedded in it` }];
  const why = `nothing in the image of ${unproven.join(", ")} says which job it is of, so that a mixed-up image would not be noticed`;
  return [{ what, ok: true, warning: true, text: `${taken}; ${why}` }];
}
