import { setImmediate } from "node:timers/promises";
import type { Context } from "../context.ts";
import type { ExcludedImages, RemakeImage } from "../db/queries/excluded-images.ts";
import { storeKeyOf } from "../identity.ts";
import { objectRemover } from "./prune.ts";
import { EXTENSIONS } from "./verify/format.ts";

/** Images changed in one transaction, a few ms, which is what another process's write then waits. */
const PAGE = 500;
/** Images whose objects go before their jobs are planned: what a kill in between leaves to be done again. */
const REMAKE_PAGE = 100;

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

type RemakeNeeds = Pick<Context, "store" | "config" | "clock" | "log" | "stopping" | "signal"> & Pick<ExcludeNeeds, "images">;

/**
 * Has the chosen images that can be made again made again: same candidate, same seed, next attempt. Their objects go first, because
 * harvest takes what lies under an image's key for its picture. Writes images, jobs and what hangs on them; deletes objects. Killed in
 * between, no row promises a picture that is gone, and the same again does the rest. Answers how many.
 * @throws {TransientError} if the store gives no answer several times over, FatalError as the store does.
 */
export async function remakeImages(needs: RemakeNeeds, reason: string): Promise<number> {
  const { images, stopping, signal, log } = needs;
  const { remake } = images;
  const remove = objectRemover(needs, { expire: false });
  const total = remake.count();
  let done = 0;
  let after = "";
  while (!stopping.aborted && !signal.aborted) {
    const page = remake.page(after, REMAKE_PAGE);
    const last = page.at(-1);
    if (last === undefined) break;
    remake.announce(page, reason);
    await remove(page.flatMap(keysOf));
    remake.plan(page);
    done += page.length;
    after = last.imageId;
    log.progress("exclude", { done, failed: 0, total });
  }
  return done;
}

/** Where the image's object lies, or may lie: of one that was being stored when its run was killed, or announced before, no row knows. */
function keysOf({ imageId, key }: RemakeImage): readonly string[] {
  return key === null ? EXTENSIONS.map((extension) => storeKeyOf(imageId, extension)) : [key];
}
