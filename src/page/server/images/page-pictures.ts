import { availableParallelism } from "node:os";
import { join } from "node:path";
import { type Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import PQueue from "p-queue";
import type { Context } from "../../../context.ts";
import type { StoredPicture } from "../../../db/queries/page/page-pictures.ts";
import { TransientError } from "../../../errors.ts";
import { openViewEncoder } from "../../../images/view.ts";
import { createStripper } from "../../../images/strip/strip.ts";
import { readAll } from "../../../stores/read-all.ts";
import { openPictureCache } from "./picture-cache.ts";
import { pictureSlots } from "./picture-slots.ts";

const MIB = 2 ** 20;
/**
 * Encoding leaves a core to the votes, where there are three: one encoder makes 50 of 512 px a second on a core of its own, which is what 50
 * people look at, and nothing where others are at work on it. Votes, which are mostly asleep, are woken before it.
 */
const ENCODERS = { min: 2, max: 3 };
/** Pictures that are read, or have been, while the encoders are at others: an encoder that waits for a store is none. */
const READ_AHEAD = 2;
/** Originals on their way at once: each is a few MiB of memory, and a connection to the store. */
const STREAMS = { all: 16, perPerson: 2 };
/** The same for those that are held whole, of at most `harvest.max_image_mb` each. */
const HELD = { all: 4, perPerson: 1 };

export interface ServedPicture {
  readonly bytes: Uint8Array;
  readonly contentType: string;
}

export interface StreamedPicture {
  /** Fails where the stored file is not as it was verified, so that nobody takes half a picture for one. */
  readonly stream: Readable;
  readonly contentType: string;
}

/** Pictures as people see them; all throw what stores throw. */
export interface PagePictures {
  /** WebP of at most 1024 px a side. */
  readonly thumb: (picture: StoredPicture) => Promise<ServedPicture>;
  /** Makes the thumbnail once nobody waits for others; nothing where it is there. */
  readonly prepare: (picture: StoredPicture) => Promise<void>;
  /** As it was made, without what says how. For one person, who gets no more than a few at once. */
  readonly full: (picture: StoredPicture, annotatorId: number) => Promise<StreamedPicture>;
}

export type PagePictureNeeds = Pick<Context, "config" | "store">;

/** Opens the cache `<dir>/page/thumbs`. */
export async function openPagePictures({ config, store }: PagePictureNeeds, signal: AbortSignal): Promise<PagePictures> {
  const maxBytes = config.annotate.people.cache_mb * MIB;
  const cache = await openPictureCache(join(config.dir, "page/thumbs"), { maxBytes });
  const encode = await openViewEncoder();
  const encoders = Math.max(ENCODERS.min, Math.min(ENCODERS.max, availableParallelism() - 1));
  const encoding = new PQueue({ concurrency: encoders });
  const making = new PQueue({ concurrency: encoders + READ_AHEAD });
  const streamed = pictureSlots(STREAMS);
  const held = pictureSlots(HELD);

  async function open({ key }: StoredPicture): Promise<Readable> {
    const body = await store.get(key, signal);
    if (body === null) throw new TransientError(`the store has nothing under ${key}`);
    return body;
  }

  async function make(picture: StoredPicture): Promise<Uint8Array> {
    const bytes = await readAll(await open(picture), picture.sizeBytes);
    return encoding.add(() => encode(bytes));
  }

  const thumbOf = (picture: StoredPicture): Promise<Uint8Array> => cache.get(picture.sha256, () => making.add(() => make(picture)));

  /** Metadata goes as it passes, wherever it stands: nobody here needs the length before. */
  async function strip(picture: StoredPicture): Promise<StreamedPicture> {
    const { stream, format } = createStripper({ hold: "least" });
    const body = await open(picture);
    void pipeline(body, exactly(picture.sizeBytes), stream).catch(() => undefined); // The stream says it.
    return { stream, contentType: (await format).contentType };
  }

  return {
    thumb: async (picture) => ({ bytes: await thumbOf(picture), contentType: "image/webp" }),
    async prepare(picture) {
      if (cache.has(picture.sha256)) return;
      await making.onSizeLessThan(1);
      await thumbOf(picture);
    },
    full: (picture, annotatorId) => (picture.key.endsWith(".webp") ? held : streamed).take(annotatorId, () => strip(picture)),
  };
}

/** Lets through what has `sizeBytes`; fails at its end where there was less. */
function exactly(sizeBytes: number): Transform {
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
