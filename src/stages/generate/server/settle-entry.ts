import type { HistoryEntry } from "../../../comfy/client/history-entry.ts";
import type { SubmittedJob } from "../../../db/queries/jobs/jobs.ts";
import { FatalError, TransientError } from "../../../errors.ts";
import { outcomeOf } from "../outcome.ts";
import type { ServerParts } from "./server-parts.ts";

/** What to try when a job does not fit into a GPU's memory. */
const OUT_OF_MEMORY_HINT = "Try: a lower width and height, a smaller batch_size, or a server with more VRAM";
/** The flag of /free is read by ComfyUI's worker thread between prompts; this gives it the time, ms. */
const FREE_SETTLE_MS = 250;

/** Applies the failure policy (ARCHITECTURE.md, "Generate") to a finished run, and commits it. */
export function settleEntry(job: SubmittedJob, entry: HistoryEntry, parts: ServerParts): void {
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
async function freeThen({ url, contact, run }: ServerParts, next: () => void): Promise<void> {
  try {
    await contact.client().free({ unloadModels: true, freeMemory: true }, run.signal);
    await run.clock.sleep(FREE_SETTLE_MS, run.signal);
  } catch (error) {
    if (!(error instanceof TransientError) && !(error instanceof FatalError)) throw error;
    run.log.debug(`${url} was not told to free its memory: ${error.message}`);
  }
  next();
}
