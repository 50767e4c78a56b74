import { mkdir, rename, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { dirname } from "node:path";
import type { Context } from "../../context.ts";
import { inspectionQueries, type InspectionRow, type UninspectedImage } from "../../db/queries/images/inspections.ts";
import { FatalError, RejectError, TransientError, messageOf } from "../../errors.ts";
import { fileProblem } from "../../lib/files/file-problem.ts";
import { type DecodeImage, openDecoder } from "../../images/decode.ts";
import { thumbnailPath, removeStaleThumbnails } from "../../images/thumbnails.ts";
import { readAll } from "../../stores/read-all.ts";
import { openBacklog } from "../backlog.ts";
import { drain } from "../drain.ts";
import type { StageReport, Upstream } from "../stage.ts";
import { earliest, writeBehind } from "../../db/commits.ts";

/** Images read in one query, which takes about 3 ms. */
const PAGE_ROWS = 1_000;
/** One decoding on every core, one image that is being read from the store, and one whose pixels are being hashed. */
const CONCURRENCY = availableParallelism() + 2;

export type InspectNeeds = Pick<Context, "config" | "db" | "store" | "clock" | "log" | "stopping" | "signal">;

/**
 * Decodes every stored image once, for its pixel hash, perceptual hash, measures and thumbnail.
 * Reads images. Writes inspections and `<dir>/thumbs`. Resumes with the images that have no inspection.
 * An image that cannot be decoded gets an inspection with the reason.
 * @throws {FatalError} if the store gives nothing for minutes.
 */
export async function inspect(context: InspectNeeds, upstream: Upstream): Promise<StageReport> {
  const { db, clock, log } = context;
  const queries = inspectionQueries(db);
  const backlog = openBacklog<UninspectedImage>({
    task: "inspect the stored images",
    clock,
    readPage: (afterRow) => queries.page(afterRow, PAGE_ROWS),
    keyOf: ({ imageId }) => imageId,
  });
  const results = writeBehind<{ readonly item: UninspectedImage; readonly row: InspectionRow }>(clock, (entries) => {
    queries.insertAll(entries.map(({ row }) => row));
    for (const { item } of entries) backlog.settled(item);
  });
  await removeStaleThumbnails(context.config.dir);
  const perform = createInspector(context);
  let done = 0;
  const report = (item: UninspectedImage, row: InspectionRow): void => {
    results.add({ item, row });
    log.progress("inspect", { done: ++done, total: done, failed: backlog.leftOver() });
  };

  try {
    const { stopped } = await drain<UninspectedImage, InspectionRow>(
      {
        concurrency: CONCURRENCY,
        claim(limit) {
          results.flushIfDue();
          return backlog.claim(limit);
        },
        nextDueMs: () => earliest(backlog.nextDueMs(), results.dueMs()),
        perform,
        settle: report,
        fail(item, error) {
          if (error instanceof RejectError) {
            log.warn(`Cannot decode the image ${item.imageId} (${item.key}): ${error.message}`);
            report(item, { imageId: item.imageId, inspection: null, error: error.message });
          } else if (backlog.failed(item, error))
            log.warn(`Cannot inspect the image ${item.imageId} (${item.key}) for now: ${messageOf(error)}`);
        },
      },
      backlog.follow(upstream),
      context,
    );
    return { stage: "inspect", done, failed: backlog.leftOver(), stopped };
  } finally {
    results.flush();
  }
}

function createInspector({
  store,
  config,
  signal,
}: Pick<InspectNeeds, "store" | "config" | "signal">): (item: UninspectedImage) => Promise<InspectionRow> {
  let opening: Promise<DecodeImage> | null = null;

  return async ({ imageId, key, sizeBytes }) => {
    opening ??= openDecoder();
    const decode = await opening;
    const body = await store.get(key, signal);
    if (body === null) throw new TransientError(`the store has nothing under ${key}`);
    const { inspection, thumbnail } = await decode(await readAll(body, sizeBytes));
    await writeThumbnail(thumbnailPath(config.dir, imageId), thumbnail);
    return { imageId, inspection, error: null };
  };
}

/** Writes the file whole or not at all, but does not sync it to disk: if a power cut loses it, the page shows the image itself. */
async function writeThumbnail(path: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(temporary, bytes);
    await rename(temporary, path);
  } catch (error) {
    throw new FatalError(`Cannot write the thumbnail ${path}: ${fileProblem(error)}`, {
      cause: error,
      hint: "free some space, or check who may write there",
    });
  }
}
