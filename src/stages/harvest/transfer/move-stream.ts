import { createHash } from "node:crypto";
import { Readable, Writable, type Transform } from "node:stream";
import { buffer } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import type { ViewAnswer } from "../../../comfy/client/client.ts";
import { TransientError } from "../../../errors.ts";
import { storeKeyOf } from "../../../identity.ts";
import { formatNamedBy } from "../../../images/formats/format.ts";
import { createStripper, LateMetadataError, type Stripper } from "../../../images/strip.ts";
import { createVerifier, type Verifier } from "../../../images/verify.ts";
import { deadlineAfter, type Deadline } from "../../../lib/http/deadline.ts";
import type { ObjectStore } from "../../../stores/object-store.ts";
import { failureOf, limitMsFor, tooSlow, type Attempt, type TransferNeeds, type TransferPlan, type TransferTask } from "./outcome.ts";
import { proofOf } from "./prove.ts";

interface Found {
  readonly body: Readable;
  /** Length that the server announced; null if it did not. */
  readonly announcedBytes: number | null;
}

/**
 * Moves an image piece by piece: verified, stripped if the plan says so, and stored. It is held in memory only if its length is unknown.
 */
export async function moveStream(task: TransferTask, needs: TransferNeeds, plan: TransferPlan): Promise<Attempt> {
  let view: ViewAnswer;
  try {
    view = await needs.client.view(task.source, needs.signal);
  } catch (error) {
    if (error instanceof TransientError) return { kind: "server-trouble", error };
    throw error;
  }
  if (view.kind === "missing") return { kind: "lost" };
  const announcedBytes = view.sizeBytes !== null && Number.isSafeInteger(view.sizeBytes) ? view.sizeBytes : null;
  using deadline = deadlineAfter(limitMsFor(announcedBytes ?? task.maxBytes), needs.signal);
  return await moveBody({ body: view.body, announcedBytes }, { task, needs, plan, deadline }); // Awaited: the deadline ends with this call.
}

interface Moving {
  readonly task: TransferTask;
  readonly needs: TransferNeeds;
  readonly plan: TransferPlan;
  readonly deadline: Deadline;
}

async function moveBody({ body, announcedBytes }: Found, { task, needs, plan, deadline }: Moving): Promise<Attempt> {
  const { verifier, isUnproven } = verifierFor(task, announcedBytes);
  const stripper = plan.strip === "no" ? null : createStripper({ hold: plan.strip === "on-the-way" ? "head" : "whole" });
  const last = stripper?.stream ?? verifier.stream;
  const { signal } = deadline;
  const read = pipeline([body, verifier.stream, ...(stripper === null ? [] : [stripper.stream])], { signal });
  const writing = {
    imageId: task.imageId,
    format: verifier.format,
    stripper,
    store: needs.store,
    announcedBytes,
    write: plan.write,
    signal,
  };
  const written = writeStream(last, writing).finally(() => last.destroy());
  const [reading, storing] = await Promise.allSettled([read, written]);
  if (storing.status === "fulfilled") {
    const { outcome, key } = storing.value;
    if (outcome === "exists") return { kind: "exists", key };
    const source = verifier.facts();
    const facts = { ...source, ...stripper?.facts() };
    return { kind: "stored", key, facts, sourceBytes: source.sizeBytes, unproven: isUnproven(), adopted: false };
  }
  needs.signal.throwIfAborted();
  if (deadline.isOver()) return tooSlow(task);
  const source = reading.status === "rejected" ? (reading.reason as unknown) : null;
  if (source instanceof LateMetadataError) return { kind: "late-metadata" };
  return failureOf({ source, store: storing.reason as unknown, task, fingerprint: verifier.fingerprint() });
}

/** Makes the verifier of a task's image, which also proves whose it is. */
export function verifierFor(task: TransferTask, announcedBytes: number | null): { verifier: Verifier; isUnproven: () => boolean } {
  const proof = proofOf(task);
  const namedFormat = formatNamedBy(task.source.filename);
  return {
    verifier: createVerifier({ maxBytes: task.maxBytes, announcedBytes, namedFormat, accept: proof.accept }),
    isUnproven: () => proof.isUnproven(),
  };
}

interface Writing extends Pick<TransferTask, "imageId">, Pick<TransferPlan, "write"> {
  readonly format: Verifier["format"];
  readonly stripper: Stripper | null;
  readonly store: ObjectStore;
  readonly announcedBytes: number | null;
  readonly signal: AbortSignal;
}

async function writeStream(stream: Transform, { format, stripper, store, imageId, announcedBytes, write, signal }: Writing) {
  const { extension, contentType } = await format;
  const key = storeKeyOf(imageId, extension);
  if (write === "none") {
    await pipeline(stream, new Writable({ write: (_chunk, _encoding, done) => done() }), { signal });
    return { key, outcome: "seen" as const };
  }
  // A store needs the length first. The verifier bounds what is held here.
  const whole = announcedBytes === null ? await buffer(stream) : null;
  const body = whole === null ? stream : Readable.from([whole]);
  const sizeBytes = whole?.length ?? (announcedBytes ?? 0) - ((await stripper?.removedBytes) ?? 0);
  const options = { contentType, signal, ...(whole === null ? {} : { sha256: createHash("sha256").update(whole).digest("hex") }) };
  if (write === "create") return { key, outcome: await store.putNew(key, body, sizeBytes, options) };
  await store.put(key, body, sizeBytes, options);
  return { key, outcome: "replaced" as const };
}
