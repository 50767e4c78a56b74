import type { Context } from "../../context.ts";
import type { ImageQueries, ListedImageRow, Settled, StoredImage } from "../../db/queries/images/images.ts";
import { RejectError, type RejectReason, TransientError } from "../../errors.ts";
import { counted } from "../../lib/words.ts";
import type { LastProgress } from "../last-progress.ts";
import type { StoredOutcome, TransferOutcome } from "./transfer/outcome.ts";
import { writeBehind, type WriteBehind } from "../../db/commits.ts";
import type { Fuse } from "./fuse.ts";
import type { HistoryCleaner } from "./history-cleaner.ts";
import type { HarvestItem, HarvestQueue } from "./queue.ts";
import type { Reclaimer } from "./reclaim.ts";
import type { ComfyClient } from "../../comfy/client/client.ts";

/** Fetching such an image again gives the same. */
const FINAL: ReadonlySet<RejectReason> = new Set(["hostile-name", "too-large"]);
/**
 * Making such an image again gives the same, once a second fetch has brought the same bytes. All other reasons are damage on the way, or
 * what a proxy put in the image's place.
 */
const FINAL_IF_SAME: ReadonlySet<RejectReason> = new Set(["unsupported-format", "animated", "altered", "wrong-prompt"]);

export interface SettleNeeds extends Pick<Context, "config" | "clock" | "log"> {
  readonly lastProgress: Pick<LastProgress, "made" | "hindered">;
  /** Servers of the configuration. */
  readonly serverCount: () => number;
  readonly images: ImageQueries;
  readonly queue: HarvestQueue;
  readonly cleaner: Pick<HistoryCleaner, "jobDone">;
  readonly reclaim: Pick<Reclaimer, "stored">;
  readonly fuse: Fuse;
  readonly counts: { stored: number; failed: number };
}

export interface ImageSettler {
  /** Takes a transfer's outcome. That an image is stored is committed a little later, with others'; until then it counts as in flight. */
  settle(item: HarvestItem, outcome: HarvestOutcome): void;
  /** Has everything made on other servers that waits at those in trouble. True if there was any. */
  giveAway(): boolean;
  readonly stored: Pick<WriteBehind<StoredItem>, "dueMs" | "flushIfDue" | "flush">;
}

type Refusal = Pick<RejectError, "reason" | "message"> & Partial<Pick<RejectError, "hint">>;

function withHint({ message, hint }: Pick<Refusal, "message" | "hint">): string {
  return hint === undefined ? message : `${message}. Try: ${hint}`;
}

interface StoredItem {
  readonly item: HarvestItem;
  readonly outcome: StoredOutcome;
}

/** Applies the failure policy (docs/design/generate.md, "What harvest decides") to transfers' outcomes, and commits them. */
export function imageSettler(needs: SettleNeeds): ImageSettler {
  const { config, clock, log, lastProgress, images, queue, cleaner, reclaim, counts, fuse } = needs;
  const maxAttempts = config.generate.max_attempts;
  const reported = new Set<string>();
  /** Keyed by server: its last trouble, while it gives no images. */
  const troubles = new Map<string, { readonly error: TransientError; readonly answersOthers: boolean }>();

  function jobDone(item: ListedImageRow, settled: Settled | null): void {
    if (settled?.jobComplete === true) cleaner.jobDone(item);
  }

  const stored = writeBehind<StoredItem>(clock, (entries) => {
    const storedAtMs = clock.nowMs();
    const settled = images.settleStored(entries.map(({ item, outcome }) => ({ image: item, stored: rowOf(outcome, storedAtMs) })));
    for (const [index, entry] of entries.entries()) committed(entry, settled[index] ?? null);
  });

  function rowOf({ key, facts, unproven }: StoredOutcome, storedAtMs: number): StoredImage {
    const { sha256, sizeBytes, format, widthPx, heightPx } = facts;
    return {
      key,
      sha256,
      bytes: sizeBytes,
      format: format.name,
      width: widthPx,
      height: heightPx,
      unproven: unproven ? 1 : 0,
      storedAtMs,
    };
  }

  /** Work to be done only once the row says that the store has the image. */
  function committed({ item, outcome }: StoredItem, settled: Settled | null): void {
    queue.release(item);
    if (settled === null) return; // Its job was planned again meanwhile; the object is adopted then.
    counts.stored++;
    lastProgress.made();
    fuse.stored(item.variant);
    log.event("stored", { image_id: item.imageId, bytes: outcome.facts.sizeBytes });
    reclaim.stored({ ...item, sizeBytes: outcome.sourceBytes });
    jobDone(item, settled);
  }

  /** Reasons whose remedy was told: the same one comes with thousands of images. */
  const hinted = new Set<RejectReason>();

  function reject(item: HarvestItem, { reason, message, hint }: Refusal): void {
    const detail = withHint({ message, hint });
    const settled = images.settleRejected(item, { reason, detail });
    if (settled === null) return;
    counts.failed++;
    lastProgress.made();
    log.warn(`Image ${item.imageId} is rejected (${reason}): ${hinted.has(reason) ? message : detail}`);
    hinted.add(reason);
    log.event("image_rejected", { image_id: item.imageId, reason });
    fuse.rejected(item.variant, detail);
    jobDone(item, settled);
  }

  /** Makes the image anew, as long as its job has attempts left. */
  function runAgain(item: HarvestItem, reason: RejectReason, detail: string): boolean {
    if (item.failures + 1 >= maxAttempts || !images.runJobAgain(item, { failure: true })) return false;
    log.info(`Job ${item.job} runs again (${reason}): ${detail}`);
    log.event("job_again", { job: item.job, image_id: item.imageId, reason });
    return true;
  }

  function settleLost(item: HarvestItem): void {
    const detail = `${item.server} no longer has ${JSON.stringify(item.filename)}`;
    if (runAgain(item, "lost-file", detail)) return;
    if (!images.failJob(item, { reason: "lost-file", detail, nowMs: clock.nowMs() })) return;
    counts.failed++;
    lastProgress.made();
    log.warn(`Job ${item.job} failed (lost-file): ${detail}`);
    log.event("failed", { job: item.job, reason: "lost-file" });
  }

  function settleBad(item: HarvestItem, refusal: Refusal, fingerprint: string | null = null): void {
    const { reason, message } = refusal;
    log.debug(`Image ${item.imageId} of ${item.server}: ${message}`);
    lastProgress.hindered(item.server, message);
    const isSame = fingerprint !== null && item.refused === fingerprint;
    if (FINAL.has(reason) || (isSame && FINAL_IF_SAME.has(reason))) return reject(item, refusal);
    const badFetches = item.badFetches + 1;
    if (badFetches < maxAttempts) {
      images.countBadFetch(item);
      queue.defer({ ...item, badFetches, refused: fingerprint });
    } else if (!runAgain(item, reason, message)) reject(item, refusal);
  }

  /** A restart, once; the image's own fault where it happens again, since the server answered again. */
  function settleCut(item: HarvestItem, error: TransientError): void {
    if (item.troubledAtMs !== null) return settleBad(item, { reason: "truncated", message: error.message });
    queue.defer({ ...item, troubledAtMs: clock.nowMs() });
  }

  /** The server answers, and does not give the image: an answer is an answer, and counts. */
  function settleRefused(item: HarvestItem, { message }: TransientError): void {
    const news = `${item.server} does not give its images: ${message}`;
    if (!reported.has(news))
      log.info(`${news}. That counts: after ${counted(maxAttempts, "time")} the job runs again, or the image is rejected`);
    reported.add(news);
    settleBad(item, { reason: "not-an-image", message });
  }

  function settleServerTrouble(item: HarvestItem, error: TransientError, answersOthers: boolean): void {
    lastProgress.hindered(item.server, error.message);
    // It fails at this image again, and has served others meanwhile, or answers all but this.
    const hasServed = item.troubledAtMs !== null && queue.lastAnswerMs(item.server) > item.troubledAtMs;
    if (hasServed || (item.troubledAtMs !== null && answersOthers && error.answered === "none")) {
      return settleBad({ ...item, troubledAtMs: clock.nowMs() }, { reason: "not-an-image", message: error.message });
    }
    queue.defer({ ...item, troubledAtMs: item.troubledAtMs ?? clock.nowMs() });
    const downMs = queue.serverFailed(item.server, error.retryAfterMs);
    log.debug(`${item.server} fails since ${downMs} ms: ${error.message}`);
    troubles.set(item.server, { error, answersOthers });
    if (downMs > config.generate.give_up_s * 1_000) giveAway(item.server);
  }

  /** Has the images that wait at a server that gives none made on another one. Returns false if there is no other. */
  function giveAway(server: string): boolean {
    const trouble = troubles.get(server);
    if (trouble === undefined || needs.serverCount() < 2) return false;
    troubles.delete(server);
    const why = `it gives no images for ${config.generate.give_up_s} s: ${trouble.error.message}`;
    makeElsewhere(needs, server, { why, counts: trouble.answersOthers });
    return true;
  }

  function settle(item: HarvestItem, outcome: HarvestOutcome): void {
    if (outcome.kind === "stored") {
      queue.serverAnswered(item.server);
      troubles.delete(item.server);
      queue.storeWorked();
      return stored.add({ item, outcome });
    }
    stored.flush(); // A job that is planned again keeps what the store has of it.
    queue.release(item);
    if (outcome.kind === "store-trouble") {
      queue.storeFailed(outcome.error.retryAfterMs);
      lastProgress.hindered("the store", outcome.error.message);
      log.debug(`The store fails: ${outcome.error.message}`);
      return;
    }
    if (outcome.kind === "server-trouble") return settleServerTrouble(item, outcome.error, outcome.answersOthers);
    queue.serverAnswered(item.server);
    if (outcome.kind === "lost") return settleLost(item);
    if (outcome.kind === "refused") return settleRefused(item, outcome.error);
    return outcome.kind === "cut" ? settleCut(item, outcome.error) : settleBad(item, outcome.error, outcome.fingerprint);
  }

  function giveAllAway(): boolean {
    stored.flush(); // A job that is planned again keeps what the store has of it.
    return [...troubles.keys()].map(giveAway).includes(true);
  }

  return { settle, stored, giveAway: giveAllAway };
}

/** Jobs planned again with one look at the database. */
const PAGE = 200;

export interface Elsewhere {
  readonly why: string;
  /** The server answers, and gives no images: that counts against the jobs, so that it has an end. */
  readonly counts: boolean;
}

/** Has everything that waits at a server made on another one. */
export function makeElsewhere(
  { config, images, queue, log }: Pick<SettleNeeds, "config" | "images" | "queue" | "log">,
  server: string,
  { why, counts }: Elsewhere,
): void {
  let jobs = 0;
  for (let page = images.listedAt(server, PAGE); page.length > 0; page = images.listedAt(server, PAGE)) {
    for (const image of page) {
      const isLast = counts && image.failures + 1 >= config.generate.max_attempts;
      if (!isLast && images.runJobAgain(image, { failure: counts })) jobs++;
      // A job that failed over another of its images does not run again.
      else images.settleRejected(image, { reason: "lost-file", detail: `${server}: ${why}` });
    }
  }
  queue.forget(server);
  log.warn(`${server}: ${why}. The images of ${counted(jobs, "job")} there are made again elsewhere`);
}

/** The end of a transfer, with the server's words if the server caused it. */
export type HarvestOutcome =
  | Exclude<TransferOutcome, { readonly kind: "server-trouble" }>
  /** The server answers other questions, and refuses this image: it is about the image. */
  | { readonly kind: "refused"; readonly error: TransientError }
  /** `answersOthers`: it gives no images now, and answers other questions all the same. */
  | { readonly kind: "server-trouble"; readonly error: TransientError; readonly answersOthers: boolean };

/**
 * Finds out whether a server that failed at an image is in trouble, or only does not give this image.
 * @throws {FatalError} where the server asks for credentials, whatever it is asked.
 */
export async function askServer(
  outcome: TransferOutcome,
  { client, signal }: { readonly client: Pick<ComfyClient, "queue">; readonly signal: AbortSignal },
): Promise<HarvestOutcome> {
  if (outcome.kind !== "server-trouble") return outcome;
  const { error } = outcome;
  try {
    await client.queue(signal);
  } catch (trouble) {
    if (!(trouble instanceof TransientError)) throw trouble;
    return { kind: "server-trouble", error, answersOthers: false };
  }
  return error.answered === "refused" ? { kind: "refused", error } : { kind: "server-trouble", error, answersOthers: true };
}
