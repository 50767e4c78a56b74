import type { Context } from "../../context.ts";
import type { AdoptedImage, AdoptionQueries } from "../../db/queries/images/adoption.ts";
import { FatalError, RejectError, TransientError, type RejectReason } from "../../errors.ts";
import { adoptedCandidateOf, adoptedImageIdOf, storeKeyOf } from "../../identity.ts";
import { retry, RETRIES } from "../../lib/retry.ts";
import type { FoundImage } from "./adopt-source.ts";
import { describeImage, type Described, type Description } from "./describe-image.ts";
import { readImage, embeddedPrompt, readFailure, type ReadImage } from "./read-image.ts";
import { MIB } from "../../lib/units.ts";
import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ObjectStore } from "../../stores/object-store.ts";
import { createVerifier, type ImageFacts } from "../../images/verify.ts";

/** The outcome of adopting an image. Only failures of the source that may pass, of the store, and bugs are thrown. */
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
  await retryStore(() => storeImage(found, read, { key, store, signal }), context);
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
async function retryStore(put: () => Promise<void>, { clock, signal, store }: Pick<AdoptImageNeeds, "clock" | "signal" | "store">) {
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

interface StoreTarget {
  readonly key: string;
  readonly store: ObjectStore;
  readonly signal: AbortSignal;
}

/** Puts an image that was read into the store under its key, where it is whole or not at all. */
async function storeImage(image: Pick<FoundImage, "name" | "open">, read: ReadImage, target: StoreTarget): Promise<void> {
  const { key, store, signal } = target;
  const { sizeBytes, format } = read.facts;
  const options = { contentType: format.contentType, signal };
  const outcome = await withBody(image, read, { signal, use: (body) => store.putNew(key, body, sizeBytes, options) });
  if (outcome === "created" || (await holds(read.facts, target))) return;
  // The object there is damaged: its key is made of the image's own checksum.
  await withBody(image, read, { signal, use: (body) => store.put(key, body, sizeBytes, options) });
}

interface Using<Result> {
  readonly signal: AbortSignal;
  readonly use: (body: Readable) => Promise<Result>;
}

async function withBody<Result>(
  image: Pick<FoundImage, "name" | "open">,
  { facts, bytes }: ReadImage,
  { signal, use }: Using<Result>,
): Promise<Result> {
  if (bytes !== null) return use(Readable.from([bytes]));
  const { body } = await image.open(signal);
  const verifier = createVerifier({
    maxBytes: facts.sizeBytes,
    announcedBytes: facts.sizeBytes,
    accept({ sha256 }) {
      if (sha256 !== facts.sha256) throw new RejectError("corrupt", "The image changed while it was read");
    },
  });
  const reading = pipeline(body, verifier.stream, { signal });
  const [read, used] = await Promise.allSettled([reading, use(verifier.stream).finally(() => verifier.stream.destroy())]);
  if (used.status === "fulfilled") return used.value;
  // A failing source is what the store throws; a failing store closes the source.
  if (read.status === "rejected" && read.reason === used.reason) throw readFailure(read.reason, { name: image.name, signal, body });
  throw used.reason;
}

async function holds({ sha256 }: ImageFacts, { key, store, signal }: StoreTarget): Promise<boolean> {
  const body = await store.get(key, signal);
  if (body === null) return false;
  const hash = createHash("sha256");
  for await (const chunk of body as AsyncIterable<Buffer>) hash.update(chunk); // Without an encoding a stream yields Buffers.
  return hash.digest("hex") === sha256;
}
