import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { ConfigError } from "../errors.ts";
import { isJsonObject, parseExact, stringifyExact } from "../lib/exact-json.ts";
import type { ObjectStore } from "./object-store.ts";

/** The object that says whose a prefix is. */
export const OWNERSHIP_KEY = ".comfy-dpo.json";

export interface Owner {
  readonly datasetName: string;
  /** Random, made with the database. */
  readonly datasetId: string;
}

type Store = Pick<ObjectStore, "uri" | "get" | "putNew">;

/**
 * Marks the store's prefix as the dataset's, or finds that it is so already. Two datasets in one prefix would take each other's images
 * for their own.
 * @throws {ConfigError} if the prefix is another dataset's.
 */
export async function claimPrefix(store: Store, owner: Owner, signal?: AbortSignal): Promise<void> {
  refuseForeign(store, (await readOwner(store, signal)) ?? (await writeMarker(store, owner, signal)), owner);
}

/**
 * Looks whether a dataset that has no database yet could claim the prefix. Writes nothing.
 * @throws {ConfigError} if the prefix is somebody's; whatever the store throws where it cannot be read.
 */
export async function expectFreePrefix(store: Store, { datasetName }: Pick<Owner, "datasetName">, signal?: AbortSignal): Promise<void> {
  refuseForeign(store, await readOwner(store, signal), { datasetName, datasetId: null });
}

interface Claimant {
  readonly datasetName: string;
  /** Null before there is one. */
  readonly datasetId: string | null;
}

function refuseForeign(store: Pick<Store, "uri">, found: Owner | null, owner: Claimant): void {
  if (found === null || found.datasetId === owner.datasetId) return;
  const whose = found.datasetName === owner.datasetName ? `an earlier database of ${owner.datasetName}` : `dataset ${found.datasetName}`;
  throw new ConfigError(`Cannot use ${store.uri} for dataset ${owner.datasetName}: it belongs to ${whose} (id ${found.datasetId})`, {
    hint: `choose another prefix in store.uri, or, if nobody needs what is there, delete ${OWNERSHIP_KEY} in it`,
  });
}

/** Answers the owner that another process wrote meanwhile, null if there is none. */
async function writeMarker(store: Store, owner: Owner, signal: AbortSignal | undefined): Promise<Owner | null> {
  const marker = Buffer.from(`${stringifyExact({ dataset: owner.datasetName, dataset_id: owner.datasetId })}\n`);
  const options = { contentType: "application/json", ...(signal === undefined ? {} : { signal }) };
  const outcome = await store.putNew(OWNERSHIP_KEY, Readable.from([marker]), marker.length, options);
  return outcome === "exists" ? readOwner(store, signal) : null;
}

/** Whose the prefix is, null if nobody's. */
export async function readOwner(store: Pick<Store, "uri" | "get">, signal?: AbortSignal): Promise<Owner | null> {
  const body = await store.get(OWNERSHIP_KEY, signal);
  if (body === null) return null;
  try {
    const marker = parseExact((await buffer(body)).toString("utf8"));
    const { dataset, dataset_id } = isJsonObject(marker) ? marker : {};
    if (typeof dataset === "string" && typeof dataset_id === "string") return { datasetName: dataset, datasetId: dataset_id };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new ConfigError(`Cannot tell whose ${store.uri} is: ${OWNERSHIP_KEY} in it is none of this program's markers`, {
    hint: "choose another prefix in store.uri",
  });
}
