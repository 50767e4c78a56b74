import PQueue from "p-queue";
import type { Context } from "../../context.ts";
import { referenceQueries, type ReferenceQueries } from "../../db/queries/plan/references.ts";
import { storedImages, type StoredImageRow } from "../../db/queries/images/stored-images.ts";
import { retry, RETRIES } from "../../lib/retry.ts";
import { storedProblem } from "./stored-problem.ts";

/** Rows read from the database at a time. */
const PAGE_ROWS = 1_000;

export interface VerifyStoreOptions {
  /** Number of images, and of reference images, to look at, spread evenly. Undefined: all. */
  readonly sample: number | undefined;
  /** Called with the id of each image, the SHA-256 of each reference image that is not what the database says. */
  readonly report: (id: string, problem: string, kind: "images" | "references") => void;
}

export interface VerifiedStore {
  /** Images that were read to their last byte, or found missing. */
  readonly images: number;
  /** Images that prompts come with, likewise. */
  readonly references: number;
  readonly stopped: boolean;
}

/**
 * Reads stored images and reference images again and compares length and SHA-256 with the database. Changes nothing.
 * @throws {TransientError} if the store gives no answer several times over, FatalError as the store does.
 */
export async function verifyStore(
  { db, store, config, clock, log, stopping, signal }: Pick<Context, "db" | "store" | "config" | "clock" | "log" | "stopping" | "signal">,
  { sample, report }: VerifyStoreOptions,
): Promise<VerifiedStore> {
  const stored = storedImages(db);
  const references = referenceQueries(db);
  const wanted = (count: number): number => Math.min(sample ?? Infinity, count);
  const total = wanted(stored.count()) + wanted(references.countStored());
  const queue = new PQueue({ concurrency: config.harvest.concurrency });
  const failed = new AbortController();
  const done = { images: 0, references: 0 };
  let bad = 0;
  const check = async ({ id, kind, ...object }: StoredObject): Promise<void> => {
    const problem = await retry(() => storedProblem(object, { store, signal }), { limits: RETRIES.store, clock, signal });
    done[kind]++;
    if (problem !== null) {
      bad++;
      report(id, problem, kind);
    }
    log.progress("verify", { done: done.images + done.references, total, failed: bad });
  };
  let firstError: { readonly error: unknown } | undefined;
  for (const object of storedObjects({ stored, references, sample })) {
    if (stopping.aborted || failed.signal.aborted) break;
    await queue.onSizeLessThan(config.harvest.concurrency);
    void queue
      .add(() => check(object))
      .catch((error: unknown) => {
        firstError ??= { error };
        failed.abort();
      });
  }
  await queue.onIdle();
  if (firstError !== undefined) throw firstError.error;
  return { ...done, stopped: stopping.aborted };
}

function* pages(stored: ReturnType<typeof storedImages>, sample: number | undefined): Generator<StoredImageRow> {
  if (sample !== undefined) return yield* stored.sample(sample);
  for (let page = stored.page("", PAGE_ROWS); page.length > 0; page = stored.page(page.at(-1)?.imageId ?? "", PAGE_ROWS)) yield* page;
}

interface Sources {
  readonly stored: ReturnType<typeof storedImages>;
  readonly references: Pick<ReferenceQueries, "stored">;
  readonly sample: number | undefined;
}

interface StoredObject extends Pick<StoredImageRow, "key" | "sha256" | "bytes"> {
  /** image_id, or SHA-256 of a reference image. */
  readonly id: string;
  readonly kind: "images" | "references";
}

function* storedObjects({ stored, references, sample }: Sources): Generator<StoredObject> {
  for (const { imageId, key, sha256, bytes } of pages(stored, sample)) yield { id: imageId, kind: "images", key, sha256, bytes };
  // The first of them by hash are a fair sample.
  const limit = sample ?? PAGE_ROWS;
  for (let page = references.stored("", limit); page.length > 0; page = references.stored(page.at(-1)?.sha256 ?? "", limit)) {
    for (const { key, sha256, bytes } of page) yield { id: sha256, kind: "references", key, sha256, bytes };
    if (sample !== undefined) return;
  }
}
