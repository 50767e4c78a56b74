import { availableParallelism } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import PQueue from "p-queue";
import type { Context } from "../context.ts";
import type { StoredPicture } from "../db/queries/page-pictures.ts";
import { TransientError } from "../errors.ts";
import { openViewEncoder } from "../images/view.ts";
import { createStripper } from "../stages/strip.ts";
import { SNIFF_BYTES, sniffFormat } from "../stages/verify/format.ts";
import { readAll } from "../stores/read-all.ts";
import { openPictureCache } from "./picture-cache.ts";

const MIB = 2 ** 20;
/** Encoding leaves a core to the votes, and one of libuv's four threads to the files. */
const ENCODERS_MAX = 3;
/** Whole pictures in memory at once, of at most `harvest.max_image_mb` each. */
const FULL_CONCURRENCY = 4;

/** Higher goes first. */
const SOMEBODY_WAITS = 1;
const NOBODY_WAITS = 0;

export interface ServedPicture {
  readonly bytes: Uint8Array;
  readonly contentType: string;
}

/** Pictures as people see them; both throw what stores throw. */
export interface PagePictures {
  /** WebP of at most 1024 px a side. */
  thumb(picture: StoredPicture): Promise<ServedPicture>;
  /** Makes the thumbnail where nobody waits for one; nothing where it is there. */
  prepare(picture: StoredPicture): Promise<void>;
  /** As it was made, without what says how. */
  full(picture: StoredPicture): Promise<ServedPicture>;
}

export type PagePictureNeeds = Pick<Context, "config" | "store">;

/** Opens the cache `<dir>/page/thumbs`. */
export async function openPagePictures({ config, store }: PagePictureNeeds, signal: AbortSignal): Promise<PagePictures> {
  const maxBytes = config.annotate.people.cache_mb * MIB;
  const cache = await openPictureCache(join(config.dir, "page/thumbs"), { maxBytes });
  const encode = await openViewEncoder();
  const encoding = new PQueue({ concurrency: Math.max(1, Math.min(ENCODERS_MAX, availableParallelism() - 1)) });
  const reading = new PQueue({ concurrency: FULL_CONCURRENCY });

  async function open({ key }: StoredPicture) {
    const body = await store.get(key, signal);
    if (body === null) throw new TransientError(`the store has nothing under ${key}`);
    return body;
  }

  const thumbOf = (picture: StoredPicture, priority: number): Promise<Uint8Array> =>
    cache.get(picture.sha256, () => encoding.add(async () => encode(await readAll(await open(picture), picture.sizeBytes)), { priority }));

  return {
    thumb: async (picture) => ({ bytes: await thumbOf(picture, SOMEBODY_WAITS), contentType: "image/webp" }),
    async prepare(picture) {
      if (!cache.has(picture.sha256)) await thumbOf(picture, NOBODY_WAITS);
    },
    full: (picture) =>
      reading.add(async () => {
        // Held whole: metadata may stand behind the pixels, and none of it may have left by then.
        const { stream } = createStripper({ hold: "whole" });
        const [bytes] = await Promise.all([buffer(stream), pipeline(await open(picture), stream)]);
        return { bytes, contentType: sniffFormat(bytes.subarray(0, SNIFF_BYTES)).contentType };
      }),
  };
}
