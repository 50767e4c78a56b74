import { availableParallelism } from "node:os";
import { join } from "node:path";
import { type Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import PQueue from "p-queue";
import type { Context } from "../../../context.ts";
import type { StoredImage } from "../../../db/queries/page/page-images.ts";
import { TransientError } from "../../../errors.ts";
import { openViewEncoder } from "../../../images/view.ts";
import { createStripper } from "../../../images/strip.ts";
import { readAll } from "../../../stores/read-all.ts";
import { openImageCache } from "./image-cache.ts";
import { createImageSlots } from "./image-slots.ts";
import { MIB } from "../../../lib/units.ts";

/**
 * Limits of encoders at work at once. One core is left for votes where there are three or more. An encoder with a core of its own makes 50
 * thumbnails of 512 px a second, which is what 50 people look at.
 */
const ENCODERS = { min: 2, max: 3 };
/** Images read ahead of the encoders, so that no encoder waits for the store. */
const READ_AHEAD = 2;
/** Originals sent at once. Each takes a few MiB of memory and a connection to the store. */
const STREAMS = { all: 16, perPerson: 2 };
/** The same for images that are held in memory as a whole, each of at most `harvest.max_image_mb`. */
const BUFFERED = { all: 4, perPerson: 1 };

export interface ServedImage {
  readonly bytes: Uint8Array;
  readonly contentType: string;
}

export interface StreamedImage {
  /** Fails if the stored file does not have its recorded size, so that nobody takes half an image for a whole one. */
  readonly stream: Readable;
  readonly contentType: string;
}

/** Reads images for the page. Every function throws what stores throw. */
export interface PageImages {
  /** Returns a WebP of at most 1024 px a side. */
  readonly thumb: (image: StoredImage) => Promise<ServedImage>;
  /** Makes the thumbnail if it is not cached, once nobody waits for another one. */
  readonly prepare: (image: StoredImage) => Promise<void>;
  /** Opens the original without its metadata. A person gets only a few at once. */
  readonly full: (image: StoredImage, annotatorId: number) => Promise<StreamedImage>;
}

export type PageImageNeeds = Pick<Context, "config" | "store">;

/** Opens the page's images with the cache `<dir>/page/thumbs`. */
export async function openPageImages({ config, store }: PageImageNeeds, signal: AbortSignal): Promise<PageImages> {
  const maxBytes = config.annotate.people.cache_mb * MIB;
  const cache = await openImageCache(join(config.dir, "page/thumbs"), { maxBytes });
  const encode = await openViewEncoder();
  const encoders = Math.max(ENCODERS.min, Math.min(ENCODERS.max, availableParallelism() - 1));
  const encoding = new PQueue({ concurrency: encoders });
  const making = new PQueue({ concurrency: encoders + READ_AHEAD });
  const streamed = createImageSlots(STREAMS);
  const buffered = createImageSlots(BUFFERED);

  async function open({ key }: StoredImage): Promise<Readable> {
    const body = await store.get(key, signal);
    if (body === null) throw new TransientError(`the store has no object ${key}`);
    return body;
  }

  async function make(image: StoredImage): Promise<Uint8Array> {
    const bytes = await readAll(await open(image), image.sizeBytes);
    return encoding.add(() => encode(bytes));
  }

  const thumbOf = (image: StoredImage): Promise<Uint8Array> => cache.get(image.sha256, () => making.add(() => make(image)));

  /** Streams an original and removes its metadata on the way. Nobody needs its length before. */
  async function strip(image: StoredImage): Promise<StreamedImage> {
    const { stream, format } = createStripper({ hold: "least" });
    const body = await open(image);
    void pipeline(body, requireSize(image.sizeBytes), stream).catch(() => undefined); // The reader of the stream gets the error.
    return { stream, contentType: (await format).contentType };
  }

  return {
    thumb: async (image) => ({ bytes: await thumbOf(image), contentType: "image/webp" }),
    async prepare(image) {
      if (cache.has(image.sha256)) return;
      await making.onSizeLessThan(1);
      await thumbOf(image);
    },
    full: (image, annotatorId) => (image.key.endsWith(".webp") ? buffered : streamed).take(annotatorId, () => strip(image)),
  };
}

/** Passes bytes through and fails if they are not exactly `sizeBytes`. */
function requireSize(sizeBytes: number): Transform {
  let seenBytes = 0;
  const wrong = (): Error => new TransientError(`the stored object does not have the recorded size of ${sizeBytes} bytes`);
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      seenBytes += chunk.length;
      if (seenBytes > sizeBytes) done(wrong());
      else done(null, chunk);
    },
    flush: (done) => done(seenBytes === sizeBytes ? null : wrong()),
  });
}
