import { createHash } from "node:crypto";
import { Readable, Writable, type Transform } from "node:stream";
import { buffer } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import type { ComfyClient, ViewAnswer } from "../../../comfy/client/client.ts";
import type { HeldSink } from "../../../comfy/connection/plain-socket.ts";
import { messageOf, RejectError, TransientError } from "../../../errors.ts";
import { storeKeyOf } from "../../../identity.ts";
import { deadlineAfter, type Deadline } from "../../../lib/http/deadline.ts";
import type { ObjectStore } from "../../../stores/object-store.ts";
import { storedProblem } from "../../upkeep/stored-problem.ts";
import { createStripper, LateMetadataError, type Stripper } from "../../../images/strip.ts";
import { HELD_MAX_BYTES, type HeldBuffers } from "./held-buffers.ts";
import { proofOf, type ProofTask } from "./prove.ts";
import { readHeld } from "./read-held.ts";
import { createVerifier, type Verifier, type ImageFacts, imageCheck, type ImageCheck } from "../../../images/verify.ts";
import { formatNamedBy, type ImageFormat } from "../../../images/formats/format.ts";

/** Longer than any timeout of a client or a store, ms: those say what hangs. */
const TRANSFER_BASE_MS = 180_000;
/** Slower than this counts as a hang. */
const SLOWEST_BYTES_PER_S = 64 * 1024;

export interface TransferTask extends ProofTask {
  readonly imageId: string;
  /** Where the server has it, checked before. */
  readonly source: { readonly filename: string; readonly subfolder: string; readonly type: string };
  readonly maxBytes: number;
  /** Whether the stored image keeps what it says of itself. */
  readonly metadata: "keep" | "strip";
}

export interface TransferNeeds {
  readonly client: Pick<ComfyClient, "view" | "viewHeld">;
  readonly store: ObjectStore;
  readonly buffers: HeldBuffers;
  readonly signal: AbortSignal;
}

/** The store has the image. */
export interface StoredOutcome {
  readonly kind: "stored";
  readonly key: string;
  /** Length and SHA-256 are of what is stored. */
  readonly facts: ImageFacts;
  /** Length of the server's file; null where the store had the image already and the server was not asked. */
  readonly sourceBytes: number | null;
  readonly unproven: boolean;
  /** The store had it already, whole and the job's. */
  readonly adopted: boolean;
}

/** How a transfer ended. Only FatalErrors, aborts and bugs are thrown. */
export type TransferOutcome =
  | StoredOutcome
  /** The server does not have the file. */
  | { readonly kind: "lost" }
  /** The server answered with something that is not the image. `fingerprint` tells whether another answer was the same; null: not known. */
  | { readonly kind: "bad"; readonly error: RejectError; readonly fingerprint: string | null }
  /** The server answered, and stopped or closed in the middle of the image. */
  | { readonly kind: "cut"; readonly error: TransientError }
  /** The server did not answer, or said that it cannot now. */
  | { readonly kind: "server-trouble"; readonly error: TransientError }
  | { readonly kind: "store-trouble"; readonly error: TransientError };

/** Moves one image from a server to the store, verified on the way; no temporary file, and no buffer for a large one of known length. */
export async function transfer(task: TransferTask, needs: TransferNeeds): Promise<TransferOutcome> {
  const form: Form = task.metadata === "keep" ? "whole" : "stripped";
  const outcome = await transferAs(form, { task, needs });
  return outcome.kind === "late-metadata" ? settled(await transferAs("stripped-in-memory", { task, needs })) : outcome;
}

interface Transferring {
  readonly task: TransferTask;
  readonly needs: TransferNeeds;
}

async function transferAs(form: Form, { task, needs }: Transferring): Promise<TransferOutcome | LateMetadata> {
  const first = await attempt(task, needs, { mode: "new", form });
  if (first.kind !== "exists") return first;
  const adopted = await (form === "whole" ? adopt(task, needs, first.key) : adoptStripped(first.key, { task, needs, form }));
  if (adopted !== null) return adopted;
  // What is there is no whole image, or another job's.
  return settled(await attempt(task, needs, { mode: "replace", form }));
}

/** `stripped`: without its metadata, on the way; `stripped-in-memory`: its length cannot be known on the way. */
type Form = "whole" | "stripped" | "stripped-in-memory";
/** `look`: the image is verified, and goes nowhere. */
type Mode = "new" | "replace" | "look";

interface LateMetadata {
  readonly kind: "late-metadata";
}

type Attempt = TransferOutcome | LateMetadata | { readonly kind: "exists"; readonly key: string };

function settled(outcome: Attempt): TransferOutcome {
  if (outcome.kind === "exists" || outcome.kind === "late-metadata") throw new Error(`a transfer cannot end as ${outcome.kind}`);
  return outcome;
}

interface Manner {
  readonly mode: Mode;
  readonly form: Form;
}

async function attempt(task: TransferTask, needs: TransferNeeds, { mode, form }: Manner): Promise<Attempt> {
  const mayHold = form === "whole" && mode !== "look";
  const heldMaxBytes = Math.min(HELD_MAX_BYTES, task.maxBytes);
  if (mayHold) {
    using deadline = deadlineAfter(limitMsOf(heldMaxBytes), needs.signal);
    const { signal } = deadline;
    const read = (sink: HeldSink): Promise<boolean> => needs.client.viewHeld(task.source, { sink, maxBytes: heldMaxBytes, signal });
    const moved = await moveHeld(read, { task, needs, mode, deadline });
    if (moved !== null) return moved;
  }
  let view: ViewAnswer;
  try {
    view = await needs.client.view(task.source, needs.signal);
  } catch (error) {
    if (error instanceof TransientError) return { kind: "server-trouble", error };
    throw error;
  }
  if (view.kind === "missing") return { kind: "lost" };
  const { body } = view;
  const announcedBytes = view.sizeBytes !== null && Number.isSafeInteger(view.sizeBytes) ? view.sizeBytes : null;
  using deadline = deadlineAfter(limitMsOf(announcedBytes ?? task.maxBytes), needs.signal);
  if (mayHold && announcedBytes !== null && announcedBytes <= heldMaxBytes) {
    const read = async (sink: HeldSink): Promise<boolean> => {
      await readHeld(body, sink.begin(announcedBytes), { signal: deadline.signal, onPiece: (piece) => sink.piece(piece) });
      return true;
    };
    const moved = await moveHeld(read, { task, needs, mode, deadline });
    if (moved !== null) return moved;
  }
  return await moveStream(announcedBytes, { task, needs, body, mode, deadline, form }); // Awaited: the deadline ends with this call.
}

function limitMsOf(sizeBytes: number): number {
  return TRANSFER_BASE_MS + Math.ceil((sizeBytes / SLOWEST_BYTES_PER_S) * 1_000);
}

interface Moving extends Transferring {
  readonly mode: Mode;
  readonly deadline: Deadline;
}

/**
 * From one buffer: the store is asked for nothing before the image is proven. `read` brings the image into it; null where it answers
 * false, that it brought nothing.
 */
async function moveHeld(read: (sink: HeldSink) => Promise<boolean>, { task, needs, mode, deadline }: Moving): Promise<Attempt | null> {
  const proof = proofOf(task);
  let held: { readonly bytes: Buffer; readonly check: ImageCheck } | undefined;
  const sink: HeldSink = {
    begin(announcedBytes) {
      const check = imageCheck({ maxBytes: task.maxBytes, announcedBytes, namedFormat: namedFormatOf(task), accept: proof.accept });
      held = { bytes: needs.buffers.take(announcedBytes), check };
      return held.bytes;
    },
    piece: (piece) => held?.check.feed(piece),
  };
  let facts: ImageFacts;
  try {
    if (!(await read(sink)) || held === undefined) return null;
    facts = held.check.conclude();
  } catch (error) {
    needs.signal.throwIfAborted();
    if (deadline.isOver()) return tooSlow(task);
    if (error instanceof TransientError) return { kind: "server-trouble", error };
    return failureOf({ source: error, store: error, what: quoted(task), fingerprint: held?.check.fingerprint() ?? null });
  }
  const { bytes } = held;
  const { sha256, format, sizeBytes } = facts;
  const key = storeKeyOf(task.imageId, format.extension);
  const options = { contentType: format.contentType, sha256, signal: needs.signal };
  try {
    if (mode === "replace") await needs.store.put(key, bytes, sizeBytes, options);
    else if ((await needs.store.putNew(key, bytes, sizeBytes, options)) === "exists") return { kind: "exists", key };
  } catch (error) {
    if (error instanceof TransientError) return { kind: "store-trouble", error };
    throw error;
  }
  // Only here: a request that failed or was answered early may still be reading it.
  needs.buffers.giveBack(bytes);
  return { kind: "stored", key, facts, sourceBytes: sizeBytes, unproven: proof.isUnproven(), adopted: false };
}

interface Streaming extends Moving, Manner {
  readonly body: Readable;
}

/** Chunk by chunk; in memory only what has no announced length. */
async function moveStream(announcedBytes: number | null, { task, needs, body, mode, form, deadline }: Streaming): Promise<Attempt> {
  const { verifier, isUnproven } = verifierFor(task, announcedBytes);
  const stripper = form === "whole" ? null : createStripper({ hold: form === "stripped" ? "head" : "whole" });
  const last = stripper?.stream ?? verifier.stream;
  const { signal } = deadline;
  const read = pipeline([body, verifier.stream, ...(stripper === null ? [] : [stripper.stream])], { signal });
  const written = write(last, { ...task, format: verifier.format, stripper, store: needs.store, announcedBytes, mode, signal }).finally(
    () => last.destroy(),
  );
  const [reading, writing] = await Promise.allSettled([read, written]);
  if (writing.status === "fulfilled") {
    const { outcome, key } = writing.value;
    if (outcome === "exists") return { kind: "exists", key };
    const source = verifier.facts();
    const facts = { ...source, ...stripper?.facts() };
    return { kind: "stored", key, facts, sourceBytes: source.sizeBytes, unproven: isUnproven(), adopted: false };
  }
  needs.signal.throwIfAborted();
  if (deadline.isOver()) return tooSlow(task);
  const source = reading.status === "rejected" ? (reading.reason as unknown) : null;
  if (source instanceof LateMetadataError) return { kind: "late-metadata" };
  return failureOf({ source, store: writing.reason as unknown, what: quoted(task), fingerprint: verifier.fingerprint() });
}

function tooSlow(task: TransferTask): TransferOutcome {
  return { kind: "cut", error: new TransientError(`Cannot read ${quoted(task)}: it came too slowly`) };
}

function verifierFor(task: TransferTask, announcedBytes: number | null): { verifier: Verifier; isUnproven: () => boolean } {
  const proof = proofOf(task);
  return {
    verifier: createVerifier({ maxBytes: task.maxBytes, announcedBytes, namedFormat: namedFormatOf(task), accept: proof.accept }),
    isUnproven: () => proof.isUnproven(),
  };
}

interface Writing extends Pick<TransferTask, "imageId"> {
  readonly format: Verifier["format"];
  readonly stripper: Stripper | null;
  readonly store: ObjectStore;
  readonly announcedBytes: number | null;
  readonly mode: Mode;
  readonly signal: AbortSignal;
}

async function write(stream: Transform, { format, stripper, store, imageId, announcedBytes, mode, signal }: Writing) {
  const { extension, contentType } = await format;
  const key = storeKeyOf(imageId, extension);
  if (mode === "look") {
    await pipeline(stream, nowhere(), { signal });
    return { key, outcome: "seen" as const };
  }
  // A store needs the length first; the verifier bounds what is held here.
  const whole = announcedBytes === null ? await buffer(stream) : null;
  const body = whole === null ? stream : Readable.from([whole]);
  const sizeBytes = whole?.length ?? (announcedBytes ?? 0) - ((await stripper?.removedBytes) ?? 0);
  const options = { contentType, signal, ...(whole === null ? {} : { sha256: createHash("sha256").update(whole).digest("hex") }) };
  if (mode === "new") return { key, outcome: await store.putNew(key, body, sizeBytes, options) };
  await store.put(key, body, sizeBytes, options);
  return { key, outcome: "replaced" as const };
}

function nowhere(): Writable {
  return new Writable({ write: (_chunk, _encoding, done) => done() });
}

interface Failures {
  /** Null: the source had no fault. */
  readonly source: unknown;
  readonly store: unknown;
  readonly what: string;
  readonly fingerprint: string | null;
}

/** Says who failed. A failing store closes the source and a failing source is what the store throws, so each side's error may be the other's. */
function failureOf({ source, store, what, fingerprint }: Failures): TransferOutcome {
  if (source instanceof RejectError) return { kind: "bad", error: source, fingerprint };
  if (store !== source && store instanceof TransientError) return { kind: "store-trouble", error: store };
  if (store !== source && !isStreamError(store)) throw store;
  if (!isStreamError(source)) throw source ?? store; // With a sound source the store's error is the one, whatever its kind.
  return { kind: "cut", error: new TransientError(`Cannot read ${what}: ${messageOf(source)}`, { cause: source }) };
}

const namedFormatOf = ({ source }: TransferTask): ImageFormat["name"] | null => formatNamedBy(source.filename);

/** A server's words, safe for a terminal. */
function quoted({ source }: TransferTask): string {
  return JSON.stringify(source.filename);
}

/** What sockets and streams raise; a bug's error has no code. */
function isStreamError(error: unknown): error is Error & { readonly code: string } {
  return error instanceof Error && "code" in error && typeof error.code === "string";
}

/** Takes what is in the store if it is a whole image and names the job, else null. */
async function adopt(task: TransferTask, { store, signal }: TransferNeeds, key: string): Promise<TransferOutcome | null> {
  const { verifier, isUnproven } = verifierFor(task, null);
  try {
    const body = await store.get(key, signal);
    if (body === null) return null;
    await pipeline(body, verifier.stream.resume(), { signal });
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof RejectError) return null;
    if (error instanceof TransientError) return { kind: "store-trouble", error };
    throw error;
  }
  return { kind: "stored", key, facts: verifier.facts(), sourceBytes: null, unproven: isUnproven(), adopted: true };
}

/**
 * A stripped image in the store no longer names its job: the server's image is looked at once more, and what is stored is taken if
 * it is that one, stripped.
 */
async function adoptStripped(
  key: string,
  { task, needs, form }: Transferring & Pick<Manner, "form">,
): Promise<TransferOutcome | LateMetadata | null> {
  const seen = await attempt(task, needs, { mode: "look", form });
  if (seen.kind === "exists") throw new Error("looking at an image writes nothing");
  if (seen.kind !== "stored") return seen;
  const { sha256, sizeBytes: bytes } = seen.facts;
  try {
    return (await storedProblem({ key, sha256, bytes }, needs)) === null ? { ...seen, adopted: true } : null;
  } catch (error) {
    needs.signal.throwIfAborted();
    if (error instanceof TransientError) return { kind: "store-trouble", error };
    throw error;
  }
}
