import { randomUUID } from "node:crypto";
import type { HistoryEntry } from "../../../comfy/client/history-entry.ts";
import { TransientError, FatalError } from "../../../errors.ts";
import { idsOf, type OutJob } from "./jobs-out.ts";
import type { ServerParts } from "./server-parts.ts";
import { findByMark } from "../../../comfy/client/history-stream.ts";
import type { SubmittedJob } from "../../../db/queries/jobs/jobs.ts";
import { outcomeOf } from "../outcome.ts";

/** A job that is in neither queue nor history for this long is lost, ms: a POST whose answer was lost may still arrive. */
const LOST_GRACE_MS = 5_000;
/**
 * The same where an answer came that is not ComfyUI's: whoever gave it had the whole request, and only a proxy may still pass it on, ms.
 */
const ANSWERED_GRACE_MS = 2_000;
/** Bad answers about the history of one job, while others are answered well, before they count against it. */
const BAD_HISTORIES_MAX = 2;
/** Pause between two looks at a server's queue, ms. The WebSocket usually tells sooner. */
const SWEEP_INTERVAL_MS = 1_000;

type SweepParts = ServerParts<
  | "clock"
  | "commits"
  | "inBackground"
  | "jobs"
  | "lastProgress"
  | "latch"
  | "log"
  | "schedule"
  | "servers"
  | "signal"
  | "uploads"
  | "variants"
>;

export interface Sweeper {
  /**
   * Looks where the jobs out there are, and who else is: one /queue for all, and /history for those that left it. @throws as the client
   * does.
   */
  sweep(): Promise<void>;
  /** Has the next sweep look, however long ago the last one was. */
  soon(): void;
  /** Settles a job whose run is over, by the server's history, and calls `next` in the same commit; nothing where it is not over. */
  settleById(promptId: string, next?: () => void): Promise<void>;
}

export function createSweeper(parts: SweepParts): Sweeper {
  const { url, contact, jobs, queue, run } = parts;
  let dueMs = 0;

  async function sweep(): Promise<void> {
    if (run.clock.nowMs() < dueMs) return;
    dueMs = run.clock.nowMs() + SWEEP_INTERVAL_MS;
    // Jobs being posted are left out: this /queue may have been answered before they arrived.
    const asked = jobs.all().filter((out) => out.state !== "posting");
    if (asked.length === 0 && queue.foreignDepth() === 0) return;
    const seen = await contact.client().queue(run.signal);
    const lastRunning = queue.note(seen);
    if (lastRunning === "is over" && asked.some(({ state }) => state === "sent")) run.lastProgress.made(); // One before ours, most likely.
    // Looked up by both ids: if an answer was lost, only the mark tells how the server calls the prompt.
    const waiting = new Map([...seen.running, ...seen.pending].flatMap((item) => idsOf(item).map((id) => [id, item.promptId] as const)));
    const left: OutJob[] = [];
    for (const out of asked) {
      const given = waiting.get(out.job.promptId) ?? waiting.get(out.sentId);
      if (given !== undefined) {
        jobs.followUnder(out, given);
        jobs.seen(out, run.clock.nowMs());
        continue;
      }
      left.push(out);
      // Prompts run one after another: this one had no turn.
      if (lastRunning === "runs on" && out.missingSinceMs === null) jobs.deleted(out);
    }
    await settleThoseThatLeft(left);
    await giveUpMissing();
    contact.restartIsOver();
  }

  /** Queue first, history second: a job moves from the one to the other and never back. */
  async function settleThoseThatLeft(left: readonly OutJob[]): Promise<void> {
    const bad: { readonly out: OutJob; readonly error: TransientError }[] = [];
    for (const out of left) {
      try {
        await settleById(out.job.promptId);
        jobs.missing(out, run.clock.nowMs());
      } catch (error) {
        if (!(error instanceof TransientError) || error.answered === "none") throw error;
        bad.push({ out, error });
      }
    }
    const [first] = bad;
    if (first === undefined) return;
    // A server that has no good answer for anybody says nothing of these jobs.
    if (bad.length === left.length)
      await contact
        .client()
        .history(randomUUID(), run.signal)
        .catch(() => Promise.reject(first.error));
    for (const { out, error } of bad) noteBadHistory(out, error);
  }

  function noteBadHistory(out: OutJob, error: TransientError): void {
    jobs.badHistory(out);
    queue.moved(); // It left the queue: that is no stall.
    run.lastProgress.hindered(url, error.message);
    if (!jobs.isOut(out) || out.badHistories < BAD_HISTORIES_MAX) return;
    jobs.abandon(out);
    run.schedule.avoid(out.job.job, url);
    if (run.jobs.erred(out.job, { reason: "submit-refused", detail: error.message })) contact.progressed();
  }

  async function settleById(promptId: string, next?: () => void): Promise<void> {
    const entry = await contact.client().history(promptId, run.signal);
    if (entry === null) return;
    await contact.whenRead();
    run.commits.together(() => {
      settle(entry);
      run.servers.remember(url);
      next?.();
    });
  }

  function settle(entry: HistoryEntry): void {
    const out = jobs.get(entry.promptId);
    if (out === undefined) return; // Told twice: by the event and by the sweep.
    jobs.takeOff(out);
    queue.moved();
    settleEntry(out.job, entry, parts);
  }

  /** Looks for jobs that are missing for too long: by their mark if the answer was lost. Those not found are lost. */
  async function giveUpMissing(): Promise<void> {
    const nowMs = run.clock.nowMs();
    const isOverdue = ({ missingSinceMs, badAnswer }: OutJob): boolean => {
      const graceMs = badAnswer === null || badAnswer.answered === "none" ? LOST_GRACE_MS : ANSWERED_GRACE_MS;
      return missingSinceMs !== null && (contact.hasRestarted() || nowMs - missingSinceMs >= graceMs);
    };
    const missing = jobs.all().filter(isOverdue);
    const found = await findMarked(missing.filter(({ state }) => state === "unknown").map(({ sentId }) => sentId));
    for (const out of missing) {
      if (!jobs.isOut(out)) continue; // An event told its end meanwhile.
      const entry = found.get(out.sentId);
      if (entry === undefined) lose(out);
      else {
        jobs.followUnder(out, entry.promptId);
        settle(entry);
      }
    }
  }

  async function findMarked(sentIds: readonly string[]): Promise<ReadonlyMap<string, HistoryEntry>> {
    try {
      return await findByMark(contact.client(), sentIds, run.signal);
    } catch (error) {
      if (!(error instanceof TransientError) || error.answered !== "refused") throw error;
      // If the whole history cannot be read, these prompts are made again. The others need not wait for it.
      run.log.info(`${url} does not show its history, in which prompts without an answer would be found: ${error.message}`);
      return new Map();
    }
  }

  function lose(out: OutJob): void {
    const { badAnswer, state, seenAtMs, wasDeleted } = out;
    jobs.takeOff(out);
    if (state === "unknown" && !contact.hasRestarted() && badAnswer !== null) return neverTaken(out, badAnswer);
    if (seenAtMs !== null && contact.isUnbrokenSince(seenAtMs) && !wasDeleted) return notTold(out);
    run.lastProgress.hindered(url, `it no longer has ${out.job.promptId}, which it had accepted`);
    run.jobs.planAgain(out.job, "lost_jobs");
    if (state === "unknown" && !contact.hasRestarted()) noteLostSubmission(out);
  }

  /** The server had it, nobody deleted it, and its history does not know it: running it again has to have an end. */
  function notTold(out: OutJob): void {
    const detail = `${url} had the job in its queue, and does not have it in its history. Try: another user of it, or a node, may clear the history`;
    run.schedule.avoid(out.job.job, url);
    if (run.jobs.erred(out.job, { reason: "submit-refused", detail })) contact.progressed();
  }

  /** It was answered badly, or not at all, and surely is not there. */
  function neverTaken(out: OutJob, badAnswer: TransientError): void {
    run.lastProgress.hindered(url, badAnswer.message);
    run.schedule.avoid(out.job.job, url);
    if (badAnswer.answered === "refused") {
      if (run.jobs.erred(out.job, { reason: "submit-refused", detail: badAnswer.message })) contact.progressed();
      return;
    }
    if (run.jobs.withoutVerdict(out.job, badAnswer.message, "lost_jobs")) contact.progressed();
    if (badAnswer.answered === "none") noteLostSubmission(out);
  }

  function noteLostSubmission(out: OutJob): void {
    const inARow = contact.submissionLost(out.job.job);
    if (inARow !== null) run.latch(url, `it cut off ${inARow} submissions in a row and took none of them`);
  }

  return { sweep, soon: () => void (dueMs = 0), settleById };
}

/** Hint for a job that does not fit into a GPU's memory. */
const OUT_OF_MEMORY_HINT = "Try: a lower width and height, a smaller batch_size, or a server with more VRAM";
/** The flag of /free is read by ComfyUI's worker thread between prompts; this gives it the time, ms. */
const FREE_SETTLE_MS = 250;

/** Applies the failure policy (docs/design/generate.md, "What a bad answer says") to a finished run, and commits it. */
function settleEntry(job: SubmittedJob, entry: HistoryEntry, parts: SweepParts): void {
  const { run, contact } = parts;
  const erred = (failure: Parameters<typeof run.jobs.erred>[1]): void => {
    if (run.jobs.erred(job, failure)) contact.progressed();
  };
  const outcome = outcomeOf(entry, run.variants.get(job.variant));
  switch (outcome.kind) {
    case "images":
      contact.stepped(job);
      return run.jobs.done(
        job,
        outcome.images.map((image) => ({
          nodeId: image.nodeId,
          batchIndex: image.index,
          filename: image.filename,
          subfolder: image.subfolder,
          type: image.type,
        })),
      );
    case "no-output":
      // Most likely the workflow's or the prompt's doing, but a server with a full disk may say nothing else.
      run.schedule.avoid(job.job, job.server);
      return erred({ reason: "no-output", detail: "the run succeeded but the bound output node saved no image" });
    case "interrupted": // By a person at that server: no fault of the job.
      return run.jobs.planAgain(job);
    case "out-of-memory":
      // Free the server's memory and try once more there, then on another server, then give up with a hint.
      if (run.schedule.isPinned(job.job)) run.schedule.avoid(job.job, job.server);
      else run.schedule.pin(job.job, job.server);
      run.inBackground(
        freeThen(parts, () => erred({ reason: "oom", detail: `${outcome.detail}. ${OUT_OF_MEMORY_HINT}` })),
        parts,
      );
      return;
    case "error":
      run.schedule.avoid(job.job, job.server);
      run.uploads.mistrust(job, job.server); // LoadImage fails in the run where its file has gone since.
      return erred({ reason: "execution-error", detail: outcome.detail });
  }
}

/** /free takes effect between prompts, so it has to be there before the job is. A server that does not answer has lost its memory, too. */
async function freeThen({ url, contact, run }: SweepParts, next: () => void): Promise<void> {
  try {
    await contact.client().free({ unloadModels: true, freeMemory: true }, run.signal);
    await run.clock.sleep(FREE_SETTLE_MS, run.signal);
  } catch (error) {
    if (!(error instanceof TransientError) && !(error instanceof FatalError)) throw error;
    run.log.debug(`${url} was not told to free its memory: ${error.message}`);
  }
  next();
}
