import type { AssignmentQueries } from "../../../db/queries/page/assignments.ts";
import type { PageImageQueries } from "../../../db/queries/page/page-images.ts";
import { isDatabaseTrouble } from "../../../db/database-error.ts";
import { FatalError, RejectError, TransientError, isAbort } from "../../../errors.ts";
import type { Clock } from "../../../lib/clock.ts";
import type { PageImages } from "./page-images.ts";

/** Comparisons whose thumbnails are made in advance: enough for 50 people who come at once, with three tasks each. */
const AHEAD = 200;
/** Pause once all of them are made, ms. */
const LOOK_EVERY_MS = 1_000;

export interface PrepareNeeds {
  readonly assignments: Pick<AssignmentQueries, "listFrontOfQueue">;
  readonly stored: Pick<PageImageQueries, "image">;
  readonly images: Pick<PageImages, "prepare">;
  readonly clock: Clock;
}

/** Makes the thumbnails of the next comparisons, one at a time, while nobody waits for others. Resolves when `ending` aborts. */
export async function prepareAhead(needs: PrepareNeeds, ending: AbortSignal): Promise<void> {
  const { assignments, clock } = needs;
  while (!ending.aborted) {
    const front = readOrNull(() => assignments.listFrontOfQueue(AHEAD)) ?? [];
    // The feed wrote these lists.
    for (const imageId of front.flatMap((images) => JSON.parse(images) as string[])) {
      if (ending.aborted) return;
      await prepare(imageId, needs);
    }
    await clock.sleep(LOOK_EVERY_MS, ending).catch(() => undefined);
  }
}

/** Errors are dropped here: whoever asks for the image gets them. */
async function prepare(imageId: string, { stored, images }: PrepareNeeds): Promise<void> {
  try {
    const image = readOrNull(() => stored.image(imageId));
    if (image !== null) await images.prepare(image);
  } catch (error) {
    const isKnown = [RejectError, TransientError, FatalError].some((kind) => error instanceof kind);
    if (!isKnown && !isAbort(error)) throw error;
  }
}

function readOrNull<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (!isDatabaseTrouble(error)) throw error;
    return null;
  }
}
