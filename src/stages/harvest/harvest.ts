import type { Context } from "../../context.ts";
import { imageQueries, type ImageQueries } from "../../db/queries/images/images.ts";
import { pauseQueries } from "../../db/queries/plan/pause-variant.ts";
import { RejectError } from "../../errors.ts";
import { filenamePrefixOf } from "../../identity.ts";
import { drain, type Work } from "../drain.ts";
import { checkSourceName } from "./check-source-name.ts";
import { writeInTime, earliest } from "../../db/commits.ts";
import { imageExpectations, type Expectation } from "./expect-image.ts";
import { variantFuse } from "./fuse.ts";
import { historyCleaner } from "./history-cleaner.ts";
import { harvestQueue, type HarvestItem } from "./queue.ts";
import { reclaimer } from "./reclaim.ts";
import { imageSettler, makeElsewhere, askServer, type HarvestOutcome } from "./settle-image.ts";
import type { Stage } from "../stage.ts";
import { storeReferences } from "../plan/references.ts";
import { transfer } from "./transfer/transfer.ts";
import { heldBuffers, type HeldBuffers } from "./transfer/held-buffers.ts";
import { MIB } from "../../lib/units.ts";

/** Pause between two counts of what is listed, for the progress line, ms. */
const COUNT_INTERVAL_MS = 1_000;
/** Time in which a server may still be added to the configuration, ms. */
const UNKNOWN_GRACE_MS = 10_000;

type Needs = "config" | "db" | "store" | "comfy" | "clock" | "log" | "lastProgress" | "stopping" | "signal";

/**
 * Moves every listed image into the store, verified on the way, and beside it the images that prompts come with.
 * Reads images (listed), servers. Writes images (stored, rejected), jobs (planned again, failed, history deleted), reference_files,
 * objects; deletes originals.
 * Resumes by what is still listed. Fails with FatalError where the store cannot go on, or nothing was achieved for `generate.give_up_s`.
 */
export const harvest: Stage<Needs> = async (context, upstream) => {
  const { config, db, comfy, clock, log, lastProgress } = context;
  const signal = AbortSignal.any([context.signal, lastProgress.gaveUp]);
  const images = imageQueries(db);
  const isKnown = (server: string): boolean => comfy.has(server);
  const queue = harvestQueue({ images, clock, isKnown });
  const cleaner = historyCleaner({ images, comfy, log, signal, enabled: config.harvest.delete_history });
  const reclaim = reclaimer({ config, db, comfy, log, signal });
  const counts = { stored: 0, failed: 0 };
  const fuse = variantFuse({ pauses: pauseQueries(db), log });
  const settler = imageSettler({
    config,
    clock,
    log,
    lastProgress,
    serverCount: () => comfy.size,
    images,
    queue,
    cleaner,
    reclaim,
    counts,
    fuse,
  });
  const uncommitted = new AbortController();
  const commits = writeInTime(settler.stored, () => uncommitted.abort());
  const showProgress = progressLine({ images, clock, log });

  const buffers = heldBuffers();
  const expect = imageExpectations(context);
  const unknownSinceMs = new Map<string, number>();

  const work: Work<HarvestItem, HarvestOutcome> = {
    concurrency: config.harvest.concurrency,
    claim(limit) {
      if (!commits.writeDue()) return [];
      for (const server of images.serversWithListed()) {
        if (isKnown(server)) continue;
        const since = unknownSinceMs.get(server) ?? clock.nowMs();
        unknownSinceMs.set(server, since);
        // Generate, in another process, may have seen a new server in the configuration before we did.
        if (upstream.moreToCome() && clock.nowMs() - since < UNKNOWN_GRACE_MS) continue;
        settler.stored.flush();
        makeElsewhere({ config, images, queue, log }, server, { why: "it is no longer in the configuration", counts: false });
      }
      return queue.claim(limit);
    },
    nextDueMs: () => earliest(queue.nextDueMs(), settler.stored.dueMs()),
    perform: (item) => fetchImage(item, { ...context, signal, buffers, expect }),
    settle(item, outcome) {
      settler.settle(item, outcome);
      commits.arm();
      showProgress(counts);
    },
    fail(item, error) {
      queue.release(item);
      throw error; // transfer() tells every failure that a policy exists for in its outcome.
    },
  };

  const leftovers = Promise.all([cleaner.deleteLeftovers(), reclaim.reclaimLeftovers()]);
  leftovers.catch(() => undefined); // Awaited below; until then nobody listens.
  const failed = new AbortController();
  const references = storeReferences({ ...context, signal, stopping: AbortSignal.any([context.stopping, failed.signal]) });
  references.catch(() => undefined); // The same.
  const ended = new AbortController();
  const watched = lastProgress.watch({
    until: ended.signal,
    isWaiting: () => images.serversWithListed().some(isKnown),
    lastResort: () => settler.giveAway(),
  });
  watched.catch(() => undefined); // The same.
  try {
    const stopping = AbortSignal.any([context.stopping, uncommitted.signal]);
    const { stopped } = await drain(work, upstream, { clock, stopping, signal });
    commits.end();
    ended.abort();
    await watched;
    await references;
    return { stage: "harvest", done: counts.stored, failed: counts.failed, stopped };
  } catch (error) {
    failed.abort();
    await Promise.allSettled([references]);
    throw error;
  } finally {
    ended.abort();
    try {
      commits.end(); // Also where it ends by an error: what the store has is said.
    } finally {
      await leftovers;
      await cleaner.flush();
      await reclaim.finish();
    }
  }
};

interface FetchNeeds extends Pick<Context, "config" | "store" | "comfy" | "signal"> {
  readonly buffers: HeldBuffers;
  readonly expect: (image: HarvestItem) => Expectation;
}

async function fetchImage(item: HarvestItem, { config, store, comfy, signal, buffers, expect }: FetchNeeds): Promise<HarvestOutcome> {
  const client = comfy.get(item.server);
  if (client === undefined) throw new Error(`claimed an image of ${item.server}, which is not configured`);
  try {
    checkSourceName(item);
  } catch (error) {
    if (error instanceof RejectError) return { kind: "bad", error, fingerprint: null };
    throw error;
  }
  const task = {
    imageId: item.imageId,
    source: { filename: item.filename, subfolder: item.subfolder, type: item.type },
    outputNodeId: item.nodeId,
    filenamePrefix: filenamePrefixOf(config.dataset, item.job),
    ...expect(item),
    maxBytes: config.harvest.max_image_mb * MIB,
    metadata: config.store.metadata,
  };
  return askServer(await transfer(task, { client, store, signal, buffers }), { client, signal });
}

/** Shows how far harvest is, counting what is listed (which generate adds to) only now and then. */
function progressLine({
  images,
  clock,
  log,
}: Pick<Context, "clock" | "log"> & { readonly images: Pick<ImageQueries, "counts" | "countListed"> }) {
  const before = images.counts();
  let listed = before.listed ?? 0;
  let countedAtMs = clock.nowMs();
  return ({ stored, failed }: { readonly stored: number; readonly failed: number }): void => {
    if (clock.nowMs() - countedAtMs > COUNT_INTERVAL_MS) {
      listed = images.countListed() + stored + failed;
      countedAtMs = clock.nowMs();
    }
    const done = (before.stored ?? 0) + stored;
    const rejected = (before.rejected ?? 0) + failed;
    log.progress("harvest", {
      done,
      failed: rejected,
      total: (before.stored ?? 0) + (before.rejected ?? 0) + Math.max(listed, stored + failed),
    });
  };
}
