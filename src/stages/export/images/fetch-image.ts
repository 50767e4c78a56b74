import { hash } from "node:crypto";
import type { Context } from "../../../context.ts";
import type { StoredImageRecord } from "../../../db/queries/export/export-tables.ts";
import { FatalError, TransientError } from "../../../errors.ts";
import { retry, RETRIES } from "../../../lib/retry.ts";
import { readAll } from "../../../stores/read-all.ts";
import type { ObjectStore } from "../../../stores/object-store.ts";

export interface FetchNeeds extends Pick<Context, "clock" | "signal"> {
  /** The store of the images. */
  readonly store: Pick<ObjectStore, "get" | "readInto">;
}

/**
 * Reads a stored image into memory of its recorded length, and compares its SHA-256 with the one that harvest verified.
 * @throws {FatalError} where it is gone or has other bytes: a dataset must not be made with such an image.
 */
export async function fetchImage(record: StoredImageRecord, into: Buffer, { store, clock, signal }: FetchNeeds): Promise<void> {
  const isThere = await retry(() => readInto(record, into, { store, signal }), { limits: RETRIES.store, clock, signal });
  if (!isThere) throw lost(record.imageId, "it is not in the store");
  if (hash("sha256", into) !== record.sha256) throw lost(record.imageId, "the store has other bytes than were verified when it was stored");
}

/** Returns false where there is no object. */
async function readInto({ key }: StoredImageRecord, into: Buffer, { store, signal }: Omit<FetchNeeds, "clock">): Promise<boolean> {
  if (store.readInto === undefined) {
    const body = await store.get(key, signal);
    if (body !== null) await readAll(body, into.length, into);
    return body !== null;
  }
  const sizeBytes = await store.readInto(key, into);
  if (sizeBytes !== null && sizeBytes !== into.length)
    throw new TransientError(`the stored object is ${sizeBytes} bytes long, not the ${into.length} recorded`);
  return sizeBytes !== null;
}

function lost(imageId: string, why: string): FatalError {
  return new FatalError(`Cannot export the image ${imageId}: ${why}`, {
    hint: `verify names every such image; retry --stage harvest --id ${imageId} and run bring it back, exclude --image ${imageId} leaves it out`,
  });
}
