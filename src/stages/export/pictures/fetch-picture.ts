import { createHash } from "node:crypto";
import type { Context } from "../../../context.ts";
import type { PictureRecord } from "../../../db/queries/export-tables.ts";
import { FatalError, TransientError } from "../../../errors.ts";
import { backoffMs } from "../../../lib/backoff.ts";
import { readAll } from "../../../stores/read-all.ts";
import type { ObjectStore } from "../../../stores/object-store.ts";

/** As in publish.ts: a store that is slow for a minute does not cost a night's export. */
const TRIES = 6;
const BACKOFF = { firstMs: 500, maxMs: 20_000 };

export interface FetchNeeds extends Pick<Context, "clock" | "signal"> {
  /** Of the images. */
  readonly store: Pick<ObjectStore, "get">;
}

/**
 * Reads a stored picture and proves that it has the bytes that harvest verified. Memory is bounded by the length in the database.
 * @throws {FatalError} where it is gone or has other bytes: a dataset with such a picture must not be made.
 */
export async function fetchPicture(
  { imageId, key, bytes, sha256 }: PictureRecord,
  { store, clock, signal }: FetchNeeds,
): Promise<Uint8Array> {
  for (let failedTries = 0; ; failedTries++) {
    try {
      const body = await store.get(key, signal);
      if (body === null) throw lost(imageId, "it is not in the store");
      const found = await readAll(body, bytes);
      if (createHash("sha256").update(found).digest("hex") !== sha256)
        throw lost(imageId, "the store has other bytes than were verified when it was stored");
      return found;
    } catch (error) {
      if (!(error instanceof TransientError) || failedTries + 1 >= TRIES) throw error;
      await clock.sleep(backoffMs(failedTries, { ...BACKOFF, retryAfterMs: error.retryAfterMs }), signal);
    }
  }
}

function lost(imageId: string, why: string): FatalError {
  return new FatalError(`Cannot export the picture ${imageId}: ${why}`, {
    hint: `verify names every such picture; retry --stage harvest --id ${imageId} and run bring it back, exclude --image ${imageId} leaves it out`,
  });
}
