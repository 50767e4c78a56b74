import type { DatasetRow } from "../db/queries/overview/dataset.ts";
import type { Db } from "../db/open.ts";
import { storedImages } from "../db/queries/images/stored-images.ts";
import { ConfigError, FatalError } from "../errors.ts";
import { counted } from "../lib/words.ts";
import { retry, RETRIES } from "../lib/retry.ts";
import type { ObjectStore } from "../stores/object-store.ts";
import { expectClaimable, OWNERSHIP_KEY, type StartOptions } from "../stores/ownership.ts";

/** Images looked for at a new place, spread over all: a copy that has none of them is another folder, or has only begun. */
const SAMPLE_IMAGES = 20;

type Store = Pick<ObjectStore, "uri" | "get" | "head">;
type Dataset = Pick<DatasetRow, "name" | "datasetId" | "storeUri">;

export interface PlaceNeeds extends StartOptions {
  readonly db: Pick<Db, "client">;
  /** Opened at `storeUri`. */
  readonly store: Store;
  /** `store.uri` of the configuration. */
  readonly storeUri: string;
}

export interface StorePlace {
  /** The store's place until now; null if it is still there, and where no image was ever stored. */
  readonly movedFrom: string | null;
  /** Those of the images looked at that the new place lacks. */
  readonly missing: number;
}

/**
 * Looks whether the place that `store.uri` names holds the dataset: the id in the identity file decides, not the path, so that a store may
 * be moved,
 * copied to another bucket, or mounted elsewhere. Writes nothing.
 * @throws {ConfigError} where another dataset is there, or nothing of this one although it has stored images; {FatalError} where the place
 * is the same as ever, and the images have gone.
 */
export async function expectStorePlace(dataset: Dataset, { db, store, storeUri, ...options }: PlaceNeeds): Promise<StorePlace> {
  const hasMarker = await expectClaimable(store, { datasetName: dataset.name, datasetId: dataset.datasetId }, options);
  const movedFrom = dataset.storeUri === storeUri ? null : dataset.storeUri;
  if (hasMarker && movedFrom === null) return { movedFrom, missing: 0 };
  const stored = storedImages(db);
  const sample = stored.sample(SAMPLE_IMAGES);
  const isThere = ({ key }: { readonly key: string }): Promise<boolean> =>
    retry(async () => (await store.head(key, options.signal)) !== null, { limits: RETRIES.store, ...options });
  const found = (await Promise.all(sample.map(isThere))).filter(Boolean).length;
  if (sample.length > 0 && (found === 0 || (!hasMarker && movedFrom !== null))) {
    throw nothingThere(dataset, { storeUri, movedFrom, images: stored.count(), found });
  }
  return { movedFrom, missing: sample.length - found };
}

interface Nothing {
  readonly storeUri: string;
  readonly movedFrom: string | null;
  readonly images: number;
  readonly found: number;
}

function nothingThere({ name, datasetId }: Dataset, { storeUri, movedFrom, images, found }: Nothing): ConfigError | FatalError {
  const cannot = `Cannot use ${storeUri} for dataset ${name}`;
  if (movedFrom === null) {
    return new FatalError(
      `${cannot}: ${counted(images, "image")} that it stored there ${images === 1 ? "is" : "are"} missing, and so is ${OWNERSHIP_KEY}`,
      {
        hint: `mount or bring back what was there; if it is lost for good, write {"dataset":"${name}","dataset_id":"${datasetId}"} into ${OWNERSHIP_KEY} there: verify then names each image`,
      },
    );
  }
  const back = `or put store.uri: ${movedFrom} back`;
  if (found > 0) {
    return new ConfigError(`${cannot}: images of it are there, but not the file ${OWNERSHIP_KEY}, which says whose they are`, {
      hint: `copy ${OWNERSHIP_KEY} from ${movedFrom}, too, ${back}`,
    });
  }
  return new ConfigError(`${cannot}: its ${counted(images, "image")} are missing there`, {
    hint: `copy all that is in ${movedFrom} there first, ${OWNERSHIP_KEY} included, ${back}`,
  });
}
