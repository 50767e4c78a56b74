import type { HistoryEntry } from "../../comfy/history-entry.ts";
import type { SubmittedJob } from "../../db/queries/jobs.ts";
import { TransientError } from "../../errors.ts";
import { imageIdOf } from "../../identity.ts";
import { outcomeOf } from "./outcome.ts";
import type { GenerateRun } from "./run.ts";
import type { ServerState } from "./server-worker.ts";

/** What to try when a job does not fit into a GPU's memory. */
const OUT_OF_MEMORY_HINT = "Try: a lower width and height, a smaller batch_size, or a server with more VRAM";

/** The flag of /free is read by ComfyUI's worker thread between prompts; this gives it the time, ms. */
const FREE_SETTLE_MS = 250;

interface Where {
  readonly server: ServerState;
  readonly run: GenerateRun;
}

/** Applies the failure policy to a finished run, and commits it. */
export function settleEntry(job: SubmittedJob, entry: HistoryEntry, { server, run }: Where): void {
  const { outputs } = run.variantOf(job.variant);
  const outcome = outcomeOf(entry, { outputs });
  switch (outcome.kind) {
    case "images":
      run.jobs.settleDone(
        job,
        outcome.images.map((image) => ({
          imageId: imageIdOf(job.job, image.nodeId, image.index),
          nodeId: image.nodeId,
          batchIndex: image.index,
          filename: image.filename,
          subfolder: image.subfolder,
          type: image.type,
        })),
        run.clock.nowMs(),
      );
      return run.settled(job, "done");
    case "no-output":
      run.jobs.fail(job.job, "no-output", {
        detail: "the run succeeded but the bound output node saved no image",
        nowMs: run.clock.nowMs(),
      });
      return run.settled(job, "failed");
    case "interrupted": // By a person at that server: no fault of the job.
      run.jobs.planAgain(job.job, { failure: false });
      return run.backToPlan(job);
    case "out-of-memory":
      return onOutOfMemory(job, outcome.detail, { server, run });
    case "error":
      run.schedule.avoid(job.job, server.client.url);
      return failOrPlanAgain(job, { reason: "execution-error", detail: outcome.detail }, run);
  }
}

/** Free the server's memory and try once more there, then on another server, then give up with a hint. */
function onOutOfMemory(job: SubmittedJob, detail: string, { server, run }: Where): void {
  const { url } = server.client;
  if (run.schedule.isPinned(job.job)) run.schedule.avoid(job.job, url);
  else run.schedule.pin(job.job, url);
  run.inBackground(freeThen(server, run, () => failOrPlanAgain(job, { reason: "oom", detail: `${detail}. ${OUT_OF_MEMORY_HINT}` }, run)));
}

/** /free takes effect between prompts, so it has to be there before the job is. A server that does not answer has lost its memory, too. */
async function freeThen({ client }: ServerState, run: GenerateRun, next: () => void): Promise<void> {
  try {
    await client.free({ unloadModels: true, freeMemory: true }, run.signal);
    await run.clock.sleep(FREE_SETTLE_MS, run.signal);
  } catch (error) {
    if (!(error instanceof TransientError)) throw error;
    run.log.debug(`${client.url} was not told to free its memory: ${error.message}`);
  }
  next();
}

interface Failure {
  readonly reason: "oom" | "execution-error";
  readonly detail: string;
}

function failOrPlanAgain(job: SubmittedJob, { reason, detail }: Failure, run: GenerateRun): void {
  if (job.failures + 1 < run.config.generate.max_attempts) {
    run.jobs.planAgain(job.job, { failure: true });
    return run.backToPlan(job);
  }
  run.jobs.fail(job.job, reason, { detail, nowMs: run.clock.nowMs() });
  run.settled(job, "failed");
}
