import { createHash } from "node:crypto";
import type { StoredImageRow } from "../../db/queries/images/stored-images.ts";
import type { ObjectStore } from "../../stores/object-store.ts";
import { unreadableReason } from "../export/versions/published-file.ts";

export interface StoredProblemNeeds {
  readonly store: Pick<ObjectStore, "get" | "uriOf">;
  readonly signal: AbortSignal;
}

type ImageFacts = Pick<StoredImageRow, "key" | "sha256" | "bytes">;

/** Reads a stored image to its last byte: what is wrong with it, null if it is what the database says. */
export async function storedProblem(image: ImageFacts, needs: StoredProblemNeeds): Promise<string | null> {
  try {
    return await readProblem(image, needs);
  } catch (error) {
    const reason = unreadableReason(error);
    if (reason === null) throw error;
    return reason;
  }
}

async function readProblem({ key, sha256, bytes }: ImageFacts, { store, signal }: StoredProblemNeeds): Promise<string | null> {
  const body = await store.get(key, signal);
  if (body === null) return `${store.uriOf(key)} is missing`;
  const hash = createHash("sha256");
  let length = 0;
  // Without an encoding a stream yields Buffers.
  for await (const chunk of body as AsyncIterable<Buffer>) {
    hash.update(chunk);
    length += chunk.length;
  }
  if (length !== bytes) return `${store.uriOf(key)} has ${length} bytes, the database says ${bytes}`;
  return hash.digest("hex") === sha256 ? null : `${store.uriOf(key)} has other bytes than the ones that were verified and stored`;
}
