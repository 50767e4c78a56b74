import PQueue from "p-queue";
import type { Context } from "../context.ts";
import { storedImages, type StoredImageRow } from "../db/queries/stored-images.ts";
import { TransientError } from "../errors.ts";
import { backoffMs } from "../lib/backoff.ts";
import { storedProblem } from "./stored-problem.ts";

/** Rows read from the database at a time. */
const PAGE_ROWS = 1_000;
/** Tries of one image before its store counts as out of order. */
const TRIES = 4;
const BACKOFF = { firstMs: 500, maxMs: 10_000 };

export interface VerifyStoreOptions {
  /** How many images, spread evenly; undefined: all. */
  readonly sample: number | undefined;
  /** Called for each image that is not what the database says. */
  readonly report: (imageId: string, problem: string) => void;
}

export interface VerifiedStore {
  /** Images that were read to their last byte, or found missing. */
  readonly images: number;
  readonly stopped: boolean;
}

/**
 * Reads stored images again and compares length and SHA-256 with the database. Changes nothing.
 * @throws {TransientError} if the store gives no answer several times over, FatalError as the store does.
 */
export async function verifyStore(
  { db, store, config, clock, log, stopping, signal }: Pick<Context, "db" | "store" | "config" | "clock" | "log" | "stopping" | "signal">,
  { sample, report }: VerifyStoreOptions,
): Promise<VerifiedStore> {
  const stored = storedImages(db);
  const total = Math.min(sample ?? Infinity, stored.count());
  const queue = new PQueue({ concurrency: config.harvest.concurrency });
  const failed = new AbortController();
  let images = 0;
  let bad = 0;
  const check = async (image: StoredImageRow): Promise<void> => {
    const problem = await retried(() => storedProblem(image, { store, signal }));
    images++;
    if (problem !== null) {
      bad++;
      report(image.imageId, problem);
    }
    log.progress("verify", { done: images, total, failed: bad });
  };
  const retried = async <Result>(request: () => Promise<Result>): Promise<Result> => {
    for (let failedTries = 0; ; failedTries++) {
      try {
        return await request();
      } catch (error) {
        if (!(error instanceof TransientError) || failedTries + 1 >= TRIES) throw error;
        await clock.sleep(backoffMs(failedTries, { ...BACKOFF, retryAfterMs: error.retryAfterMs }), signal);
      }
    }
  };
  let firstError: { readonly error: unknown } | undefined;
  for (const image of pages(stored, sample)) {
    if (stopping.aborted || failed.signal.aborted) break;
    await queue.onSizeLessThan(config.harvest.concurrency);
    void queue
      .add(() => check(image))
      .catch((error: unknown) => {
        firstError ??= { error };
        failed.abort();
      });
  }
  await queue.onIdle();
  if (firstError !== undefined) throw firstError.error;
  return { images, stopped: stopping.aborted };
}

function* pages(stored: ReturnType<typeof storedImages>, sample: number | undefined): Generator<StoredImageRow> {
  if (sample !== undefined) return yield* stored.sample(sample);
  for (let page = stored.page("", PAGE_ROWS); page.length > 0; page = stored.page(page.at(-1)?.imageId ?? "", PAGE_ROWS)) yield* page;
}
