import type { Readable } from "node:stream";

/** Facts of a stored object that are known without reading it. */
export interface ObjectInfo {
  readonly sizeBytes: number;
  readonly uri: string;
}

export interface ListedObject {
  readonly key: string;
  readonly sizeBytes: number;
  /** When it was written, by the store's clock, ms since the epoch. */
  readonly modifiedAtMs: number;
}

export interface PutOptions {
  readonly contentType: string;
  /** Hex, where the caller knows it before the body is sent: a store that keeps metadata beside its objects keeps it there. */
  readonly sha256?: string;
  readonly signal?: AbortSignal;
}

/**
 * A place for bytes, addressed by key (`images/0ab/i_….png`): the contract of every store.
 * Keys are ours (`[A-Za-z0-9._/-]`, no `..`), relative to the store's URI.
 * All methods throw TransientError (try again), FatalError (credentials, bucket, disk) or the signal's reason.
 */
export interface ObjectStore {
  /** Address of the store, without secrets: `s3://bucket/prefix` or `file:///…`. */
  readonly uri: string;
  /** The permanent URI of a key, whether or not it exists. Never presigned. */
  uriOf(key: string): string;
  /**
   * Writes `body`, exactly `sizeBytes` long, under `key`, only if nothing is there yet.
   * "exists" means that the key was taken and nothing was changed; the body may then be half read.
   * If the body fails or ends short, no object appears and the body's own error is thrown.
   */
  putNew(key: string, body: Uint8Array | Readable, sizeBytes: number, options: PutOptions): Promise<"created" | "exists">;
  /**
   * Finds out whether the store itself keeps the promise of putNew(), with an object that holds these bytes already: some servers ignore
   * the condition and answer 200. Where it does not, putNew() looks first from then on. Absent where there is nothing to find out.
   */
  provePutNew?(key: string, bytes: Uint8Array, options: PutOptions): Promise<void>;
  /** Writes a whole object, replacing what was there: as long as it may be. */
  put(key: string, body: Uint8Array | Readable, sizeBytes: number, options: PutOptions): Promise<void>;
  /**
   * Makes a finished file of this machine, which never changes afterwards, the object under `key`, replacing what was there, without
   * copying it. False where it would have to be copied (another file system, say): nothing has changed then. Absent where it always would.
   */
  putFile?(key: string, file: string): Promise<boolean>;
  /** Null if nothing is. */
  head(key: string, signal?: AbortSignal): Promise<ObjectInfo | null>;
  /**
   * True if the object is exactly what `read` gives, as the store's own checksum of its bytes proves without sending them; null if the
   * store says nothing that proves it. Absent where reading the object is as cheap.
   */
  holds?(key: string, sizeBytes: number, read: () => Readable, signal?: AbortSignal): Promise<boolean | null>;
  /** The object's bytes, null if nothing is. The caller reads the stream to its end or destroys it. */
  get(key: string, signal?: AbortSignal): Promise<Readable | null>;
  /**
   * Fills memory with an object of just its length. Answers the length that the object has, and where that is another, memory holds
   * anything;
   * null where nothing is. After a throw nothing is written to memory any more. Absent where get() costs no more.
   */
  readInto?(key: string, bytes: Uint8Array): Promise<number | null>;
  /** Deleting what is not there is no error. */
  delete(key: string, signal?: AbortSignal): Promise<void>;
  /**
   * Keys under a prefix, paged behind the scenes. Ascending (UTF-8 bytes), except that some stores list what is in a folder `a/` before
   * a neighbour `a-b`: keys of one depth and one length are in order everywhere.
   */
  list(prefix: string, signal?: AbortSignal): AsyncIterable<ListedObject>;
  /** Absent where the store never deletes anything by itself. */
  readonly expiry?: ObjectExpiry;
  /** Releases sockets. */
  close(): Promise<void>;
}

const KEY = /^[A-Za-z0-9._-]+(?:\/[A-Za-z0-9._-]+)*$/;

/**
 * Lets only keys through that are the same on every store: letters, digits, `.`, `_`, `-`, single slashes, no `.` or `..` part.
 * @throws {RangeError} otherwise: keys are ours, so a bad one is a bug and no user's mistake.
 */
export function checkKey(key: string): string {
  if (!isKey(key)) throw new RangeError(`Bad object key ${JSON.stringify(key)}`);
  return key;
}

/** Checks a key that was read and may be damaged. */
export function isKey(text: string): boolean {
  return KEY.test(text) && text.split("/").every((part) => part !== "." && part !== "..");
}

/** A rule by which a store deletes objects by itself. */
export interface ExpiryRule {
  readonly id: string;
  readonly isEnabled: boolean;
  /** Days after an object was written; null: the rule does something else. */
  readonly days: number | null;
  /** Prefix of keys in the whole bucket. */
  readonly prefix: string;
  readonly tags: Readonly<Record<string, string>>;
  /** The one that this program sets for this store's prefix. */
  readonly isOurs: boolean;
}

/** The tag by which our rule finds objects that nothing uses. Set by `prune --expire`. */
export const EXPIRY_TAG = { key: "comfy-dpo", value: "unused" } as const;

/**
 * Further methods of a store with lifecycle rules. Methods throw as a store's do, and FatalError where this store has no rules after all.
 */
export interface ObjectExpiry {
  /** All rules of the bucket. */
  rules(signal?: AbortSignal): Promise<readonly ExpiryRule[]>;
  /** Sets our rule, null removes it. All other rules stay as they are. */
  setRule(days: number | null, signal?: AbortSignal): Promise<void>;
  /** Tags an object so that our rule finds it; its other tags stay. Missing objects are no error. */
  mark(key: string, signal?: AbortSignal): Promise<void>;
}
