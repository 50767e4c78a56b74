import { availableParallelism } from "node:os";
import { join } from "node:path";
import { type Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import PQueue from "p-queue";
import type { Context } from "../../../context.ts";
import type { StoredImage } from "../../../db/queries/page/page-images.ts";
import { TransientError } from "../../../errors.ts";
import { openViewEncoder } from "../../../images/view.ts";
import { createStripper } from "../../../images/strip/strip.ts";
import { readAll } from "../../../stores/read-all.ts";
import { openImageCache } from "./image-cache.ts";
import { createImageSlots } from "./image-slots.ts";
import { MIB } from "../../../lib/units.ts";

/**
 * Encoding leaves a core to the votes, where there are three: one encoder makes 50 of 512 px a second on a core of its own, which is what 50
 * people look at, and nothing where others are at work on it. Votes, which are mostly asleep, are woken before it.
 */
const ENCODERS = { min: 2, max: 3 };
/** Images that are read, or have been, while the encoders are at others: an encoder that waits for a store is none. */
const READ_AHEAD = 2;
/** Originals on their way at once: each is a few MiB of memory, and a connection to the store. */
const STREAMS = { all: 16, perPerson: 2 };
/** The same for those that are held whole, of at most `harvest.max_image_mb` each. */
const HELD = { all: 4, perPerson: 1 };

export interface ServedImage {
  readonly bytes: Uint8Array;
  readonly contentType: string;
}

export interface StreamedImage {
  /** Fails where the stored file is not as it was verified, so that nobody takes half an image for one. */
  readonly stream: Readable;
  readonly contentType: string;
}

/** Images as people see them; all throw what stores throw. */
export interface PageImages {
  /** WebP of at most 1024 px a side. */
  readonly thumb: (image: StoredImage) => Promise<ServedImage>;
  /** Makes the thumbnail once nobody waits for others; nothing where it is there. */
  readonly prepare: (image: StoredImage) => Promise<void>;
  /** As it was made, without what says how. For one person, who gets no more than a few at once. */
  readonly full: (image: StoredImage, annotatorId: number) => Promise<StreamedImage>;
}

export type PageImageNeeds = Pick<Context, "config" | "store">;

/** Opens the cache `<dir>/page/thumbs`. */
export async function openPageImages({ config, store }: PageImageNeeds, signal: AbortSignal): Promise<PageImages> {
  const maxBytes = config.annotate.people.cache_mb * MIB;
  const cache = await openImageCache(join(config.dir, "page/thumbs"), { maxBytes });
  const encode = await openViewEncoder();
  const encoders = Math.max(ENCODERS.min, Math.min(ENCODERS.max, availableParallelism() - 1));
  const encoding = new PQueue({ concurrency: encoders });
  const making = new PQueue({ concurrency: encoders + READ_AHEAD });
  const streamed = createImageSlots(STREAMS);
  const held = createImageSlots(HELD);

  async function open({ key }: StoredImage): Promise<Readable> {
    const body = await store.get(key, signal);
    if (body === null) throw new TransientError(`the store has nothing under ${key}`);
    return body;
  }

  async function make(image: StoredImage): Promise<Uint8Array> {
    const bytes = await readAll(await open(image), image.sizeBytes);
    return encoding.add(() => encode(bytes));
  }

  const thumbOf = (image: StoredImage): Promise<Uint8Array> => cache.get(image.sha256, () => making.add(() => make(image)));

  /** Metadata goes as it passes, wherever it stands: nobody here needs the length before. */
  async function strip(image: StoredImage): Promise<StreamedImage> {
    const { stream, format } = createStripper({ hold: "least" });
    const body = await open(image);
    void pipeline(body, requireSize(image.sizeBytes), stream).catch(() => undefined); // The stream says it.
    return { stream, contentType: (await format).contentType };
  }

  return {
    thumb: async (image) => ({ bytes: await thumbOf(image), contentType: "image/webp" }),
    async prepare(image) {
      if (cache.has(image.sha256)) return;
      await making.onSizeLessThan(1);
      await thumbOf(image);
    },
    full: (image, annotatorId) => (image.key.endsWith(".webp") ? held : streamed).take(annotatorId, () => strip(image)),
  };
}

/** Lets through what has `sizeBytes`; fails at its end where there was less. */
function requireSize(sizeBytes: number): Transform {
  let seenBytes = 0;
  const wrong = (): Error => new TransientError(`the stored object is not the ${sizeBytes} bytes long that are recorded`);
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      seenBytes += chunk.length;
      if (seenBytes > sizeBytes) done(wrong());
      else done(null, chunk);
    },
    flush: (done) => done(seenBytes === sizeBytes ? null : wrong()),
  });
}
