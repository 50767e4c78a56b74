import { setImmediate } from "node:timers/promises";
import type { Context } from "../../context.ts";
import type { ExcludedImages } from "../../db/queries/images/excluded-images.ts";

/** Images changed in one transaction, a few ms, which is what another process's write then waits. */
const PAGE = 500;

interface ExcludeNeeds extends Pick<Context, "stopping"> {
  readonly images: ExcludedImages;
}

interface Pages extends Pick<ExcludeNeeds, "stopping"> {
  readonly pageAfter: (after: string, limit: number) => readonly string[];
  readonly change: (imageIds: readonly string[]) => number;
}

/**
 * Takes the chosen images out of all later links and exports. Files, scores and votes stay, so that `restoreImages` loses nothing.
 * Writes images. Killed in between, the same again does the rest. Answers how many.
 */
export function excludeImages({ images, stopping }: ExcludeNeeds, reason: string): Promise<number> {
  return inPages({ pageAfter: images.page, stopping, change: (imageIds) => images.exclude(imageIds, reason) });
}

/** Brings chosen excluded images back: stored ones at once, others to harvest. Writes images. Answers how many. */
export function restoreImages({ images, stopping }: ExcludeNeeds): Promise<number> {
  return inPages({ pageAfter: images.page, stopping, change: (imageIds) => images.restore(imageIds) });
}

async function inPages({ pageAfter, stopping, change }: Pages): Promise<number> {
  let changed = 0;
  let page = pageAfter("", PAGE);
  while (page.length > 0 && !stopping.aborted) {
    changed += change(page);
    await setImmediate(); // Signals get their turn.
    page = pageAfter(page.at(-1) ?? "", PAGE);
  }
  return changed;
}

/**
 * Has the chosen images that can be made again made again: same candidate, same seed, next attempt, and a new image_id, so that versions
 * which
 * show the old image keep its file. Writes images and jobs, nothing else: the stage that works, or the next one, runs the jobs. Killed in
 * between, the same again does the rest. Answers how many.
 */
export function remakeImages({ images, stopping }: ExcludeNeeds, reason: string): Promise<number> {
  const { remake } = images;
  const change = (imageIds: readonly string[]): number => {
    remake.plan(imageIds, reason);
    return imageIds.length;
  };
  return inPages({ pageAfter: remake.page, stopping, change });
}
