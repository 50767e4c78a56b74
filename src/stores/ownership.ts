import { buffer } from "node:stream/consumers";
import { ConfigError, FatalError } from "../errors.ts";
import { isJsonObject, parseExact, stringifyExact } from "../lib/exact-json.ts";
import type { Clock } from "../lib/clock.ts";
import { retry, RETRIES } from "../lib/retry.ts";
import type { ObjectStore } from "./object-store.ts";

/** The object that says whose a prefix is. */
export const OWNERSHIP_KEY = ".comfy-dpo.json";

export interface Owner {
  readonly datasetName: string;
  /** Random, made with the database. */
  readonly datasetId: string;
}

/** The dataset that asks for a prefix. */
export interface Claimant {
  readonly datasetName: string;
  /** Null if there is no database yet. */
  readonly datasetId: string | null;
}

type Store = Pick<ObjectStore, "uri" | "get" | "put" | "putNew" | "provePutNew">;

export interface StartOptions {
  readonly clock: Pick<Clock, "sleep">;
  readonly signal: AbortSignal;
}

/**
 * Marks the store's prefix as the dataset's, or finds that it is so already, and lets the store show what it can. Two datasets in one
 * prefix would take each other's images for their own.
 * @throws {ConfigError} if the prefix is another dataset's; what the store throws, a TransientError after several tries.
 */
export async function claimPrefix(store: Store, owner: Owner, options: StartOptions): Promise<void> {
  const marker = Buffer.from(`${stringifyExact({ dataset: owner.datasetName, dataset_id: owner.datasetId })}\n`);
  const object = { key: OWNERSHIP_KEY, bytes: marker, contentType: "application/json" };
  // A machine that only reads (annotate serve, judge) may lack the right to write, and needs none.
  await settleObject(store, object, {
    ...options,
    mayBeReadonly: true,
    accept: (found) => refuseForeign(store, parseMarker(store, found), owner),
  });
}

/**
 * Looks whether the prefix could be claimed, and answers whether it is the claimant's already. Writes nothing.
 * @throws {ConfigError} if the prefix is another dataset's, or anybody's where the claimant has no database yet; as claimPrefix().
 */
export async function expectClaimable(store: Pick<Store, "uri" | "get">, claimant: Claimant, options: StartOptions): Promise<boolean> {
  const found = await readObject(store, OWNERSHIP_KEY, options);
  if (found !== null) refuseForeign(store, parseMarker(store, found), claimant);
  return found !== null;
}

/** A small object that is there or is made. */
export interface SettledObject {
  readonly key: string;
  readonly bytes: Buffer;
  readonly contentType: string;
}

interface SettleOptions extends StartOptions {
  /** Throws where what lies there must stay as it is. */
  readonly accept: (found: Buffer) => void;
  /** A store that refuses to be written is no error where the object is there: whoever writes an image is told then. */
  readonly mayBeReadonly?: boolean;
}

/**
 * Makes the calls of a start on one object: reads it, writes it where nothing is, reads it again, and finds out whether the store keeps
 * the promise of putNew(). `check` makes the same calls on another key, so that it needs the same rights and meets the same answers.
 * @throws what `accept` throws, and what the store throws after several tries.
 */
export async function settleObject(store: Store, { key, bytes, contentType }: SettledObject, options: SettleOptions): Promise<void> {
  const { clock, signal, accept, mayBeReadonly = false } = options;
  const tried = <Result>(work: () => Promise<Result>): Promise<Result> => retry(work, { limits: RETRIES.store, clock, signal });
  let found = await readObject(store, key, options);
  if (found === null) {
    await tried(() => store.putNew(key, bytes, bytes.length, { contentType, signal }));
    // Read again even if it was created: of two processes that come at once to a store without conditions, the later one's lies there.
    found = await readObject(store, key, options);
  }
  if (found === null) {
    throw new FatalError(`Cannot use ${store.uri}: ${key} was written there, and then it was not there`, {
      hint: "check that the store keeps what is written (no rule that deletes at once, no cache in front of it)",
    });
  }
  accept(found);
  const lying = found; // The same bytes: a store that ignores the condition changes nothing.
  try {
    await tried(async () => store.provePutNew?.(key, lying, { contentType, signal }));
  } catch (error) {
    if (!mayBeReadonly || !(error instanceof FatalError)) throw error;
  }
}

async function readObject(store: Pick<Store, "get">, key: string, { clock, signal }: StartOptions): Promise<Buffer | null> {
  const read = async (): Promise<Buffer | null> => {
    const body = await store.get(key, signal);
    return body === null ? null : buffer(body);
  };
  return retry(read, { limits: RETRIES.store, clock, signal });
}

function refuseForeign(store: Pick<Store, "uri">, found: Owner, claimant: Claimant): void {
  if (found.datasetId === claimant.datasetId) return;
  const whose =
    found.datasetName === claimant.datasetName ? `an earlier database of ${claimant.datasetName}` : `dataset ${found.datasetName}`;
  throw new ConfigError(`Cannot use ${store.uri} for dataset ${claimant.datasetName}: it belongs to ${whose} (id ${found.datasetId})`, {
    hint: `choose another prefix in store.uri, or, if nobody needs what is there, delete ${OWNERSHIP_KEY} in it`,
  });
}

function parseMarker(store: Pick<Store, "uri">, bytes: Buffer): Owner {
  try {
    const marker = parseExact(bytes.toString("utf8"));
    const { dataset, dataset_id } = isJsonObject(marker) ? marker : {};
    if (typeof dataset === "string" && typeof dataset_id === "string") return { datasetName: dataset, datasetId: dataset_id };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new ConfigError(`Cannot tell whose ${store.uri} is: ${OWNERSHIP_KEY} in it is none of this program's markers`, {
    hint: "choose another prefix in store.uri",
  });
}
