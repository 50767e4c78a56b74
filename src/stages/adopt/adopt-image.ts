import type { Context } from "../../context.ts";
import type { AdoptedImage, AdoptionQueries } from "../../db/queries/images/adoption.ts";
import { FatalError, RejectError, TransientError, type RejectReason } from "../../errors.ts";
import { adoptedCandidateOf, adoptedImageIdOf, storeKeyOf } from "../../identity.ts";
import { retry, RETRIES } from "../../lib/retry.ts";
import type { FoundImage } from "./adopt-source.ts";
import { describeImage, type Described, type Description } from "./describe-image.ts";
import { embeddedPrompt } from "./embedded-prompt.ts";
import { readImage } from "./read-image.ts";
import { storeImage } from "./store-image.ts";
import { MIB } from "../../lib/units.ts";

/** What became of an image. Only failures of the source that may pass, of the store, and bugs are thrown. */
export type AdoptOutcome =
  | { readonly kind: "stored"; readonly image: Omit<AdoptedImage, "storedAtMs" | "rules"> }
  /** This dataset made the very file itself. */
  | { readonly kind: "same"; readonly imageId: string }
  | { readonly kind: "refused"; readonly reason: RejectReason; readonly detail: string };

export interface AdoptImageNeeds extends Pick<Context, "config" | "store" | "clock" | "signal"> {
  readonly queries: Pick<AdoptionQueries, "findSame">;
}

/** Reads one image, finds out what it shows, and stores it. Safe to repeat: its names follow from its bytes and its prompt. */
export async function adoptImage(found: FoundImage, context: AdoptImageNeeds): Promise<AdoptOutcome> {
  const { config, queries, store, signal } = context;
  const read = await readImage(found, { maxBytes: config.harvest.max_image_mb * MIB, signal });
  const { facts } = read;
  const embedded = await embeddedPrompt(read);
  const { claim, origin } = found;
  const description = describe({ embeddedPrompt: embedded, claim, origin }, config);
  const { promptKey } = description;
  const job = adoptedCandidateOf({ promptKey, sha256: facts.sha256 });
  const imageId = adoptedImageIdOf(job);
  const same = queries.findSame({ sha256: facts.sha256, promptKey, imageId });
  if (same !== undefined) return { kind: "same", imageId: same };
  const key = storeKeyOf(imageId, facts.format.extension);
  await throughTrouble(() => storeImage(found, read, { key, store, signal }), context);
  return {
    kind: "stored",
    image: {
      ...description,
      ...origin,
      imageId,
      job,
      promptId: claim.promptId,
      nodeId: claim.nodeId,
      batchIndex: claim.batchIndex,
      key,
      sha256: facts.sha256,
      bytes: facts.sizeBytes,
      format: facts.format.name,
      width: facts.widthPx,
      height: facts.heightPx,
      unproven: embedded === null ? 1 : 0,
    },
  };
}

function describe(described: Described, config: AdoptImageNeeds["config"]): Description {
  try {
    return describeImage(described, config);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error; // The stack has an end, and anybody may write anything into an image.
    throw new RejectError("no-prompt", "The graph that the image carries is nested too deeply");
  }
}

/** A store in trouble is waited for. @throws {FatalError} where that takes too long. */
async function throughTrouble(put: () => Promise<void>, { clock, signal, store }: Pick<AdoptImageNeeds, "clock" | "signal" | "store">) {
  try {
    await retry(put, { limits: RETRIES.store, clock, signal });
  } catch (error) {
    if (!(error instanceof TransientError)) throw error;
    throw new FatalError(`Cannot store the images in ${store.uri}: ${error.message}`, {
      hint: "see whether the store answers; the same command again goes on where this one ended",
      cause: error,
    });
  }
}
