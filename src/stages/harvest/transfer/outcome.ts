import type { ComfyClient } from "../../../comfy/client/client.ts";
import { messageOf, RejectError, TransientError } from "../../../errors.ts";
import type { ImageFacts } from "../../../images/verify.ts";
import type { ObjectStore } from "../../../stores/object-store.ts";
import type { HeldBuffers } from "./held-buffers.ts";
import type { ProofTask } from "./prove.ts";

/** Longer than any timeout of a client or a store, ms: those say what hangs. */
const TRANSFER_BASE_MS = 180_000;
/** Anything slower than this counts as a hang. */
const SLOWEST_BYTES_PER_S = 64 * 1024;

export interface TransferTask extends ProofTask {
  readonly imageId: string;
  /** The server's place of the image, checked before. */
  readonly source: { readonly filename: string; readonly subfolder: string; readonly type: string };
  readonly maxBytes: number;
  /** Says whether the stored image keeps its metadata. */
  readonly metadata: "keep" | "strip";
}

export interface TransferNeeds {
  readonly client: Pick<ComfyClient, "view" | "viewHeld">;
  readonly store: ObjectStore;
  readonly buffers: HeldBuffers;
  readonly signal: AbortSignal;
}

/** One way of moving an image. */
export interface TransferPlan {
  /** `none`: the image is verified and stored nowhere. */
  readonly write: "create" | "overwrite" | "none";
  /** Takes the metadata out as the image passes, or in memory where its stripped length cannot be known on the way. */
  readonly strip: "no" | "on-the-way" | "in-memory";
}

/** The store has the image. */
export interface StoredOutcome {
  readonly kind: "stored";
  readonly key: string;
  /** Length and SHA-256 are those of the stored file. */
  readonly facts: ImageFacts;
  /** Length of the server's file; null if the store had the image already and the server was not asked. */
  readonly sourceBytes: number | null;
  readonly unproven: boolean;
  /** The store had it already, whole and the job's. */
  readonly adopted: boolean;
}

/** The end of a transfer. Only FatalErrors, aborts and bugs are thrown. */
export type TransferOutcome =
  | StoredOutcome
  /** The server does not have the file. */
  | { readonly kind: "lost" }
  /** The answer is not the image. `fingerprint` tells whether another answer was the same; null if that is not known. */
  | { readonly kind: "bad"; readonly error: RejectError; readonly fingerprint: string | null }
  /** The server stopped or closed in the middle of the image. */
  | { readonly kind: "cut"; readonly error: TransientError }
  /** The server did not answer, or said that it cannot now. */
  | { readonly kind: "server-trouble"; readonly error: TransientError }
  | { readonly kind: "store-trouble"; readonly error: TransientError };

/** The image has metadata after its pixels, and is to be stripped in memory. */
export interface LateMetadata {
  readonly kind: "late-metadata";
}

/** The end of one attempt. `exists`: the store has an object under this key. */
export type Attempt = TransferOutcome | LateMetadata | { readonly kind: "exists"; readonly key: string };

/** Returns the longest time that an image of this length may take, ms. */
export function limitMsFor(sizeBytes: number): number {
  return TRANSFER_BASE_MS + Math.ceil((sizeBytes / SLOWEST_BYTES_PER_S) * 1_000);
}

/** Returns the outcome of an image that came too slowly. */
export function tooSlow(task: TransferTask): TransferOutcome {
  return { kind: "cut", error: new TransientError(`Cannot read ${quoteSource(task)}: it came too slowly`) };
}

interface Failures {
  /** Null if the source had no fault. */
  readonly source: unknown;
  readonly store: unknown;
  readonly task: TransferTask;
  readonly fingerprint: string | null;
}

/**
 * Tells whose failure it is. A failing store closes the source, and a failing source is what the store throws: each side's error may be
 * the other's. @throws what is neither the server's nor the store's.
 */
export function failureOf({ source, store, task, fingerprint }: Failures): TransferOutcome {
  if (source instanceof RejectError) return { kind: "bad", error: source, fingerprint };
  if (store !== source && store instanceof TransientError) return { kind: "store-trouble", error: store };
  if (store !== source && !isStreamError(store)) throw store;
  if (!isStreamError(source)) throw source ?? store; // With a sound source the store's error is the one, whatever its kind.
  return { kind: "cut", error: new TransientError(`Cannot read ${quoteSource(task)}: ${messageOf(source)}`, { cause: source }) };
}

/** Returns a store's failure as an outcome. @throws any other error. */
export function storeTrouble(error: unknown): TransferOutcome {
  if (error instanceof TransientError) return { kind: "store-trouble", error };
  throw error;
}

/** Quotes a server's file name, so that it is safe for a terminal. */
function quoteSource({ source }: TransferTask): string {
  return JSON.stringify(source.filename);
}

/** True for errors of sockets and streams. A bug's error has no code. */
function isStreamError(error: unknown): error is Error & { readonly code: string } {
  return error instanceof Error && "code" in error && typeof error.code === "string";
}
