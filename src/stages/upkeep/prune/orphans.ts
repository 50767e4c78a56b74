import type { UnusedImages } from "../../../db/queries/images/unused-images.ts";
import type { ListedObject, ObjectStore } from "../../../stores/object-store.ts";
import { DAY_MS } from "../../../lib/units.ts";

/** Younger objects may be on their way into the database, ms. */
const MIN_AGE_MS = DAY_MS;
/** Below it lie this program's images; references, marker and exports lie elsewhere. */
const BELOW = "images/";
const IMAGE_KEY = /^images\/[0-9a-f]{3}\/(i_[0-9a-f]{32})\.[a-z]+$/;

export interface Orphan extends ListedObject {
  /** `pruned`: of an image that was pruned, whose object stayed; `unknown`: no row knows the key. */
  readonly kind: "pruned" | "unknown";
}

export interface OrphanNeeds {
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
