import type { HeldSink } from "../../../comfy/connection/held-gets.ts";
import { TransientError } from "../../../errors.ts";
import { storeKeyOf } from "../../../identity.ts";
import { formatNamedBy } from "../../../images/formats/format.ts";
import { imageCheck, type ImageCheck, type ImageFacts } from "../../../images/verify.ts";
import { deadlineAfter } from "../../../lib/http/deadline.ts";
import { HELD_MAX_BYTES } from "./held-buffers.ts";
import {
  failureOf,
  limitMsFor,
  storeTrouble,
  tooSlow,
  type Attempt,
  type TransferNeeds,
  type TransferPlan,
  type TransferTask,
} from "./outcome.ts";
import { proofOf } from "./prove.ts";

/**
 * Moves a small image through one buffer, so that the store is asked for nothing before the image is proven. Returns null if the answer
 * is not one to be held, and the image is to be streamed.
 */
export async function moveHeld(task: TransferTask, needs: TransferNeeds, write: TransferPlan["write"]): Promise<Attempt | null> {
  const maxBytes = Math.min(HELD_MAX_BYTES, task.maxBytes);
  using deadline = deadlineAfter(limitMsFor(maxBytes), needs.signal);
  const proof = proofOf(task);
  let held: { readonly bytes: Buffer; readonly check: ImageCheck } | undefined;
  const sink: HeldSink = {
    begin(announcedBytes) {
      const namedFormat = formatNamedBy(task.source.filename);
      const check = imageCheck({ maxBytes: task.maxBytes, announcedBytes, namedFormat, accept: proof.accept });
      held = { bytes: needs.buffers.take(announcedBytes), check };
      return held.bytes;
    },
    piece: (piece) => held?.check.feed(piece),
  };
  let facts: ImageFacts;
  try {
    const isRead = await needs.client.viewHeld(task.source, { sink, maxBytes, signal: deadline.signal });
    if (!isRead || held === undefined) return null;
    facts = held.check.conclude();
  } catch (error) {
    needs.signal.throwIfAborted();
    if (deadline.isOver()) return tooSlow(task);
    if (error instanceof TransientError) return { kind: "server-trouble", error };
    return failureOf({ source: error, store: error, task, fingerprint: held?.check.fingerprint() ?? null });
  }
  const { sha256, format, sizeBytes } = facts;
  const key = storeKeyOf(task.imageId, format.extension);
  const options = { contentType: format.contentType, sha256, signal: needs.signal };
  try {
    if (write === "overwrite") await needs.store.put(key, held.bytes, sizeBytes, options);
    else if ((await needs.store.putNew(key, held.bytes, sizeBytes, options)) === "exists") return { kind: "exists", key };
  } catch (error) {
    return storeTrouble(error);
  }
  // Only here: a request that failed or was answered early may still be reading the buffer.
  needs.buffers.giveBack(held.bytes);
  return { kind: "stored", key, facts, sourceBytes: sizeBytes, unproven: proof.isUnproven(), adopted: false };
}
