import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { RejectError } from "../../errors.ts";
import type { ObjectStore } from "../../stores/object-store.ts";
import { createVerifier } from "../../images/verify/verify.ts";
import type { ImageFacts } from "../../images/verify/image-check.ts";
import type { FoundImage } from "./adopt-source.ts";
import { readFailure, type ReadImage } from "./read-image.ts";

export interface StoreTarget {
  readonly key: string;
  readonly store: ObjectStore;
  readonly signal: AbortSignal;
}

/** Puts an image that was read into the store under its key, where it is whole or not at all. */
export async function storeImage(image: Pick<FoundImage, "name" | "open">, read: ReadImage, target: StoreTarget): Promise<void> {
  const { key, store, signal } = target;
  const { sizeBytes, format } = read.facts;
  const options = { contentType: format.contentType, signal };
  const outcome = await withBody(image, read, { signal, use: (body) => store.putNew(key, body, sizeBytes, options) });
  if (outcome === "created" || (await holds(read.facts, target))) return;
  // What is there is damaged: the key is made of the image's own checksum.
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
