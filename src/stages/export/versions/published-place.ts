import { FatalError } from "../../../errors.ts";
import type { ObjectStore } from "../../../stores/object-store.ts";
import { placeOf, type ImagePlace } from "./content-digest.ts";
import { isDamage } from "../check/is-damage.ts";
import type { PublishedVersion } from "./read-lineage.ts";

interface PlaceNeeds {
  /** The place of versions. */
  readonly store: Pick<ObjectStore, "get">;
  readonly signal: AbortSignal;
}

/**
 * Reads where a version says that its images are. Where the store lay when a row was written is no value of the row: a dataset that moved has
 * the same rows. @throws {FatalError} for a damaged list of images.
 */
export async function publishedPlace({ version, manifest }: PublishedVersion, { store, signal }: PlaceNeeds): Promise<ImagePlace> {
  const read = async (path: string): Promise<AsyncIterable<Buffer>> => {
    const body = await store.get(`${version}/${path}`, signal);
    if (body === null) throw new RangeError(`${path} is missing`);
    return body as AsyncIterable<Buffer>; // Without an encoding a stream yields Buffers.
  };
  try {
    return await placeOf({ uriBase: manifest.uriBase, read });
  } catch (error) {
    if (!isDamage(error)) throw error;
    throw new FatalError(`Cannot use ${version}: its images.csv is missing or damaged`, { hint: `verify ${version}`, cause: error });
  }
}
