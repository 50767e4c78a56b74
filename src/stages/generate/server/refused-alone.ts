import { FatalError, TransientError } from "../../../errors.ts";
import type { OutJob } from "./jobs-out.ts";
import type { ServerParts } from "./server-parts.ts";

/**
 * Acts on an answer to POST /prompt that refuses a job, and is no validation by ComfyUI. While the server answers other questions the answer
 * is about the job: it counts, whatever its status, and the job is tried elsewhere or later until `max_attempts`. A server that answers
 * nothing else either is in trouble, and says nothing of the job.
 */
export async function refusedAlone(out: OutJob, error: TransientError, parts: ServerParts): Promise<void> {
  const { url, contact, jobs, run } = parts;
  try {
    await contact.client().queue(run.signal);
    if (error.asksForCredentials) await expectPosts(error, parts);
  } catch (problem) {
    if (!(problem instanceof TransientError) && !(problem instanceof FatalError)) throw problem;
    if (!jobs.isOut(out)) return;
    if (problem instanceof FatalError) contact.cannotBeUsed(problem);
    else contact.troubled(problem);
    jobs.takeOff(out);
    return run.jobs.planAgain(out.job);
  }
  if (!jobs.isOut(out)) return; // Given away meanwhile.
  jobs.takeOff(out);
  contact.refusedOne(error);
  run.schedule.avoid(out.job.job, url);
  if (run.jobs.erred(out.job, { reason: "submit-refused", detail: error.message })) contact.progressed();
}

/**
 * Posts what changes nothing.
 * @throws {FatalError} where that is refused for want of credentials, too: then no job is to blame.
 */
async function expectPosts(refusal: TransientError, { contact, run }: ServerParts): Promise<void> {
  try {
    await contact.client().deleteFromQueue([], run.signal);
  } catch (error) {
    if (!(error instanceof TransientError)) throw error;
    if (error.asksForCredentials) throw new FatalError(refusal.message, { hint: refusal.hint ?? "", cause: refusal });
    // Anything else says nothing about credentials.
  }
}
