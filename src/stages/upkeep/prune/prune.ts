import PQueue from "p-queue";
import type { Context } from "../../../context.ts";
import type { UnusedFilter, UnusedImage, UnusedImages } from "../../../db/queries/images/unused-images.ts";
import { retry, RETRIES } from "../../../lib/retry.ts";
import type { ListedObject, ObjectStore } from "../../../stores/object-store.ts";
import { DAY_MS } from "../../../lib/units.ts";

/** Images marked in one transaction, and deleted before the next. */
const PAGE = 500;

export interface PruneOptions extends UnusedFilter {
  /** Tags the objects for the bucket's rule instead of deleting them. */
  readonly expire: boolean;
}

export interface Pruned {
  readonly images: number;
  readonly bytes: number;
  readonly stopped: boolean;
}

type PruneNeeds = Pick<Context, "store" | "config" | "clock" | "log" | "stopping" | "signal"> & { readonly images: UnusedImages };

/**
 * Removes unused images from the store. The row says so before, and once it is done: killed in between, no row promises an image which is
 * gone,
 * and the next prune ends what this one began.
 */
export async function pruneImages(needs: PruneNeeds, { expire, ...filter }: PruneOptions): Promise<Pruned> {
  const { images, stopping, signal, log } = needs;
  const total = images.count(filter).images;
  const how = expire ? "expiring" : "deleted";
  const [remove, finish] = [objectRemover(needs, { expire }), objectRemover(needs, { expire: false })];
  let done = 0;
  let bytes = 0;
  let after = "";
  while (!stopping.aborted && !signal.aborted) {
    const page = images.page(after, filter, PAGE);
    const last = page.at(-1);
    if (last === undefined) break;
    const [half, rest] = [page.filter(({ wasDeleting }) => wasDeleting === 1), page.filter(({ wasDeleting }) => wasDeleting === 0)];
    images.markPruned(rest, how);
    await finish(half.map(({ key }) => key)); // An object that is gone cannot be tagged.
    await remove(rest.map(({ key }) => key));
    images.markGone(half, "deleted");
    images.markGone(rest, how);
    done += page.length;
    bytes += page.reduce((sum: number, image: UnusedImage) => sum + image.bytes, 0);
    after = last.imageId;
    log.progress("prune", { done, failed: 0, total });
  }
  return { images: done, bytes, stopped: done < total };
}

/** Deletes, or tags, objects several at a time, each tried several times. */
export function objectRemover(
  { store, config, clock, signal }: Pick<PruneNeeds, "store" | "config" | "clock" | "signal">,
  { expire }: Pick<PruneOptions, "expire">,
): (keys: readonly string[]) => Promise<void> {
  const queue = new PQueue({ concurrency: config.harvest.concurrency });
  const { expiry } = store;
  const once = (key: string): Promise<void> => (expire && expiry !== undefined ? expiry.mark(key, signal) : store.delete(key, signal));

  const retried = (key: string): Promise<void> => retry(() => once(key), { limits: RETRIES.store, clock, signal });

  return async (keys) => {
    const results = await Promise.allSettled(keys.map((key) => queue.add(() => retried(key))));
    for (const result of results) if (result.status === "rejected") throw result.reason;
  };
}

/** Younger objects may be on their way into the database, ms. */
const MIN_AGE_MS = DAY_MS;
/** Prefix of this program's images. References, marker and exports lie elsewhere. */
const BELOW = "images/";
const IMAGE_KEY = /^images\/[0-9a-f]{3}\/(i_[0-9a-f]{32})\.[a-z]+$/;

interface Orphan extends ListedObject {
  /** `pruned`: of an image that was pruned, whose object stayed; `unknown`: no row knows the key. */
  readonly kind: "pruned" | "unknown";
}

interface OrphanNeeds {
  readonly store: Pick<ObjectStore, "list">;
  readonly images: Pick<UnusedImages, "ownerOf">;
  readonly nowMs: number;
  readonly signal: AbortSignal;
}

/** Objects below our prefix, named as this program names images, that no row of the database stands for. */
export async function* findOrphans({ store, images, nowMs, signal }: OrphanNeeds): AsyncGenerator<Orphan> {
  for await (const object of store.list(BELOW, signal)) {
    const [, imageId] = IMAGE_KEY.exec(object.key) ?? [];
    if (imageId === undefined || nowMs - object.modifiedAtMs < MIN_AGE_MS) continue;
    const owner = images.ownerOf(imageId, object.key);
    if (owner !== "known") yield { ...object, kind: owner };
  }
}
