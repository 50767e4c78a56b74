import { setImmediate } from "node:timers/promises";
import type { Context } from "../context.ts";
import type { ExcludedImages } from "../db/queries/excluded-images.ts";

/** Images changed in one transaction, a few ms, which is what another process's write then waits. */
const PAGE = 500;

interface ExcludeNeeds extends Pick<Context, "stopping"> {
  readonly images: ExcludedImages;
}

type Pages = ExcludeNeeds & { readonly change: (imageIds: readonly string[]) => number };

/**
 * Takes the chosen images out of all later links and exports. Files, scores and votes stay, so that `restoreImages` loses nothing.
 * Writes images. Killed in between, the same again does the rest. Answers how many.
 */
export function excludeImages({ images, stopping }: ExcludeNeeds, reason: string): Promise<number> {
  return inPages({ images, stopping, change: (imageIds) => images.exclude(imageIds, reason) });
}

/** Brings chosen excluded images back: stored ones at once, others to harvest. Writes images. Answers how many. */
export function restoreImages({ images, stopping }: ExcludeNeeds): Promise<number> {
  return inPages({ images, stopping, change: (imageIds) => images.restore(imageIds) });
}

async function inPages({ images, stopping, change }: Pages): Promise<number> {
  let changed = 0;
  let page = images.page("", PAGE);
  while (page.length > 0 && !stopping.aborted) {
    changed += change(page);
    await setImmediate(); // Signals get their turn.
    page = images.page(page.at(-1) ?? "", PAGE);
  }
  return changed;
}

/**
 * Has the chosen images that can be made again made again: same candidate, same seed, next attempt, and a new image_id, so that versions which
 * show the old image keep its file. Writes images and jobs, nothing else: the stage that works, or the next one, runs the jobs. Killed in
 * between, the same again does the rest. Answers how many.
 */
export async function remakeImages({ images, stopping }: ExcludeNeeds, reason: string): Promise<number> {
  const { remake } = images;
  let done = 0;
  let page = remake.page("", PAGE);
  while (page.length > 0 && !stopping.aborted) {
    remake.plan(page, reason);
    done += page.length;
    await setImmediate(); // Signals get their turn.
    page = remake.page(page.at(-1) ?? "", PAGE);
  }
  return done;
}
