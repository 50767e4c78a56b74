import PQueue from "p-queue";
import type { Context } from "../../context.ts";
import { adoptionQueries, type AdoptedItem } from "../../db/queries/images/adoption.ts";
import { FatalError, isAbort, RejectError, TransientError, type RejectReason } from "../../errors.ts";
import { identityHash } from "../../lib/exact-json.ts";
import { retry, RETRIES } from "../../lib/retry.ts";
import { adoptImage, type AdoptImageNeeds, type AdoptOutcome } from "./adopt-image.ts";
import type { AdoptItem, AdoptSource, FoundImage } from "./adopt-source.ts";

/** Failures of a network while an image is read. */
const DAMAGE: ReadonlySet<RejectReason> = new Set(["truncated", "corrupt", "not-an-image"]);
/** So many images one after another whose place gave nothing: it is the source that is away. */
const LOST_IN_A_ROW_MAX = 20;

export type AdoptNeeds = Pick<Context, "config" | "db" | "store" | "clock" | "log" | "stopping" | "signal">;

export interface AdoptReport {
  /** New in this dataset. */
  readonly images: number;
  /** Were there before: adopted earlier, the same image under another name, or made by this dataset. */
  readonly known: number;
  readonly refused: Readonly<Record<string, number>>;
  /** True if it stopped early. */
  readonly stopped: boolean;
}

/**
 * Takes the images of a source into the dataset: read, verified, described, stored. The source is only read.
 * Reads adopted_items. Writes prompts, variants, jobs (done), images (stored), adopted_images, adopted_items, objects. Resumes by
 * adopted_items; what is bad is refused with its reason, and tried again by the next adoption.
 * @throws {FatalError} where the store cannot go on, or nothing of the source can be read any more.
 */
export async function adopt(source: AdoptSource, context: AdoptNeeds): Promise<AdoptReport> {
  const { config, db, clock, log, stopping, signal } = context;
  const queries = adoptionQueries(db);
  const queue = new PQueue({ concurrency: config.harvest.concurrency });
  const failure = new AbortController();
  const over = AbortSignal.any([stopping, signal, failure.signal]);
  const run = clock.nowMs();
  const sourceId = identityHash({ source: source.name });
  const rules = identityHash({ prompts: promptRules(config), binds: bindRules(config) });
  const tally = openTally(log);
  let firstError: unknown;

  async function settleOne(item: FoundImage, row: AdoptedItem): Promise<void> {
    const outcome = await withRetries(item, { ...context, queries });
    if (outcome.kind === "refused") return refuse(item, row, outcome);
    tally.answered();
    if (outcome.kind === "same") {
      queries.markSame(row, outcome.imageId, run);
      return tally.known();
    }
    const isNew = queries.settle(row, { ...outcome.image, rules, storedAtMs: clock.nowMs() }, run) === "adopted";
    if (!isNew) return tally.known();
    log.event("stored", { image_id: outcome.image.imageId, bytes: outcome.image.bytes });
    tally.adopted();
  }

  function refuse(item: AdoptItem, row: AdoptedItem, { reason, detail }: { readonly reason: RejectReason; readonly detail: string }): void {
    queries.refuse(row, { reason, detail: `${item.name}: ${detail}`, run });
    tally.refuse(item.name, { reason, detail });
    if (!source.isOneServer || tally.lostInARow() < LOST_IN_A_ROW_MAX) return;
    throw new FatalError(`Cannot adopt from ${source.name}: ${LOST_IN_A_ROW_MAX} images in a row could not be read, the last: ${detail}`, {
      hint: "see whether the source is there and may be read; the same command again goes on where this one ended",
    });
  }

  function take(item: AdoptItem): void {
    const row = { item: identityHash(item.identity), source: sourceId, fingerprint: identityHash([item.state, rules]) };
    tally.listed();
    if (queries.isKnown(row)) return tally.known();
    const work = item.kind === "image" ? () => settleOne(item, row) : () => Promise.resolve(refuse(item, row, item));
    void queue.add(async () => {
      try {
        await work();
      } catch (error) {
        if (isAbort(error) && signal.aborted) return; // The next adoption takes it again.
        firstError ??= error;
        failure.abort();
      }
    });
  }

  const listed = await list(source, { take, queue, over, clock }).catch(async (error: unknown) => {
    failure.abort();
    await queue.onIdle();
    throw firstError ?? error;
  });
  await queue.onIdle();
  if (firstError !== undefined) throw firstError;
  // Only a whole list says what the source no longer has.
  if (listed === "whole" && !over.aborted) queries.forgetOthers(sourceId, run);
  return { ...tally.result(), stopped: listed !== "whole" || over.aborted };
}

interface Listing extends Pick<Context, "clock"> {
  readonly take: (item: AdoptItem) => void;
  readonly queue: PQueue;
  readonly over: AbortSignal;
}

/** Goes through the source, never further ahead than one image: so a slow store slows the reading of the list. */
async function list(source: AdoptSource, { take, queue, over, clock }: Listing): Promise<"whole" | "stopped"> {
  const takeAll = async (): Promise<"whole" | "stopped"> => {
    for await (const item of source.items(over)) {
      if (over.aborted) return "stopped";
      take(item);
      await queue.onSizeLessThan(1);
    }
    return over.aborted ? "stopped" : "whole";
  };
  try {
    return await retry(takeAll, { limits: RETRIES.adoptedList, clock, signal: over });
  } catch (error) {
    if (over.aborted) return "stopped";
    if (!(error instanceof TransientError)) throw error;
    throw new FatalError(`Cannot adopt from ${source.name}: ${error.message}`, {
      hint: "see whether the server answers at this address; the same command again goes on where this one ended",
      cause: error,
    });
  }
}

async function withRetries(item: FoundImage, context: AdoptImageNeeds): Promise<AdoptOutcome> {
  const { config, clock, signal } = context;
  const mayHelp = (error: unknown, failedTries: number): boolean =>
    error instanceof RejectError
      ? item.isRemote && DAMAGE.has(error.reason) && failedTries < config.generate.max_attempts
      : error instanceof TransientError;
  try {
    return await retry(() => adoptImage(item, context), { limits: RETRIES.adoptedImage, clock, signal, mayHelp });
  } catch (error) {
    if (error instanceof RejectError) return { kind: "refused", reason: error.reason, detail: error.message };
    if (error instanceof TransientError) return { kind: "refused", reason: "unreadable", detail: error.message };
    throw error;
  }
}

/** Hashes what a description depends on. If it changes, every image is described anew. */
function bindRules({ workflows }: AdoptNeeds["config"]) {
  return Object.entries(workflows).map(
    ([name, { bind }]) => [name, Object.entries(bind).map(([key, place]) => [key, [place].flat()])] as const,
  );
}

function promptRules({ prompts }: AdoptNeeds["config"]) {
  return { negative: prompts.negative ?? null, columns: Object.keys(prompts.columns).toSorted() };
}

function openTally(log: AdoptNeeds["log"]) {
  const counts = { listed: 0, images: 0, known: 0, refused: 0 };
  const refused: Record<string, number> = {};
  let lostInARow = 0;
  const show = (): void => {
    const { listed: total, images, known, refused: failed } = counts;
    log.progress("adopt", { done: images + known, failed, total });
  };
  return {
    listed: (): void => void counts.listed++,
    answered: (): void => void (lostInARow = 0),
    lostInARow: (): number => lostInARow,
    adopted(): void {
      counts.images++;
      show();
    },
    known(): void {
      counts.known++;
      show();
    },
    refuse(name: string, { reason, detail }: { readonly reason: RejectReason; readonly detail: string }): void {
      counts.refused++;
      lostInARow = reason === "unreadable" ? lostInARow + 1 : 0;
      // One of each is enough to see what is wrong; `status` and --log-level debug have the others.
      const message = `Cannot adopt ${name} (${reason}): ${detail}`;
      if (refused[reason] === undefined) log.warn(message);
      else log.debug(message);
      log.event("adopt_refused", { name, reason });
      refused[reason] = (refused[reason] ?? 0) + 1;
      show();
    },
    result: () => ({ images: counts.images, known: counts.known, refused }),
  };
}
