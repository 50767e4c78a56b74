import { formatPlace, type Place } from "../../../comfy/graph/graph.ts";
import { type NodeError, type SubmitAnswer, describeRefusal } from "../../../comfy/client/submit.ts";
import { FatalError, isAbort, RejectError, TransientError } from "../../../errors.ts";
import type { OutJob } from "./jobs-out.ts";
import type { ServerParts } from "./server-parts.ts";

type SubmitParts = ServerParts<
  | "bounds"
  | "clock"
  | "config"
  | "inBackground"
  | "jobs"
  | "lastProgress"
  | "log"
  | "schedule"
  | "servers"
  | "signal"
  | "unjudged"
  | "uploads"
  | "variants"
>;

/** Sends jobs whose intent is committed, and acts on the answers. A lost answer is never answered by posting again. */
export interface Submitter {
  submit(out: OutJob): Promise<void>;
  /** True while a job waits for the server's queue to be empty: no other may be submitted meanwhile. */
  isExclusive(): boolean;
}

export function createSubmitter(parts: SubmitParts): Submitter {
  let isExclusive = false;

  async function send(out: OutJob): Promise<void> {
    const { contact, run, url } = parts;
    const { job } = out;
    const refusal = run.bounds.refusalOf(url, job);
    if (refusal !== undefined) throw new RejectError("validation", `${url} does not take the values of this prompt: ${refusal}`);
    await run.uploads.ensure(job, contact.client(), run.signal);
    if (job.freeFirst === 1) {
      isExclusive = true;
      await forgetNodeCache(parts).finally(() => (isExclusive = false));
    }
    const numberBefore = run.servers.lastNumberOf(url);
    const submission = {
      ...run.variants.render(job),
      promptId: out.sentId,
      mark: { job: job.job, attempt: job.attempt },
      clientId: contact.clientId(),
    };
    await onAnswer(await contact.client().submit(submission, run.signal), out, { ...parts, numberBefore });
  }

  return {
    isExclusive: () => isExclusive,
    async submit(out) {
      const { jobs, run, contact } = parts;
      try {
        await send(out);
      } catch (error) {
        if (isAbort(error) && run.signal.aborted) return; // The row stays `submitted`; the next run asks the server.
        const isOurs = jobs.isOut(out);
        if (!isOurs && (error instanceof RejectError || error instanceof TransientError)) return; // Given away meanwhile.
        if (error instanceof RejectError) return reject(out, error, parts);
        if (!(error instanceof TransientError) && !(error instanceof FatalError)) throw error;
        if (isOurs && out.state === "posting" && error instanceof TransientError && error.answered === "refused")
          return await refusedAlone(out, error, parts);
        if (error instanceof FatalError) contact.cannotBeUsed(error);
        else contact.troubled(error);
        if (out.state === "sent" || !isOurs) return; // Accepted, and not to be followed, or given away with what else is out there.
        // The request surely never reached the server: the job goes back without an attempt being held against it.
        jobs.takeOff(out);
        if (!(error instanceof TransientError) || error.answered !== "busy") return run.jobs.planAgain(out.job);
        if (run.jobs.withoutVerdict(out.job, error.message)) contact.progressed();
      } finally {
        parts.fill(); // Its place may be free again.
      }
    },
  };
}

interface Answered extends SubmitParts {
  /** The highest number known when the prompt was sent. */
  readonly numberBefore: number;
}

async function onAnswer(answer: SubmitAnswer, out: OutJob, { numberBefore, ...parts }: Answered): Promise<void> {
  const { url, contact, jobs, run } = parts;
  if (!jobs.isOut(out)) return tooLate(answer, out, parts);
  if (answer.kind === "unknown") {
    jobs.unanswered(out, answer.cause);
    run.lastProgress.hindered(url, answer.cause.message);
    run.log.debug(`${url} did not answer for ${out.job.promptId}: ${answer.cause.message}. Asking its queue and history`);
    return;
  }
  if (answer.kind === "refused") return refuse(out, answer, parts);
  jobs.seen(out, run.clock.nowMs());
  jobs.followUnder(out, answer.promptId);
  contact.accepted();
  run.unjudged.taken(url);
  if (run.servers.noteNumber(url, answer.number, numberBefore)) contact.restarted();
  if (answer.nodeErrors.length > 0) {
    // 200 with node_errors: an output was dropped. Only bound outputs are sent, so the job cannot give what it was sent for.
    run.inBackground(contact.client().deleteFromQueue([out.job.promptId], run.signal), parts);
    return refuse(out, { status: 200, message: "it accepted the workflow only in part", nodeErrors: answer.nodeErrors }, parts);
  }
  run.schedule.taken(out.job.variant, url);
  if (out.job.attempt === 1) contact.progressed();
}

/** The server was given up while it was asked, and the job went elsewhere: what it took after all is taken back where it still waits. */
function tooLate(answer: SubmitAnswer, out: OutJob, parts: SubmitParts): void {
  if (answer.kind !== "accepted") return;
  const { url, contact, jobs, run } = parts;
  run.log.debug(`${url} took ${out.sentId} after its job had gone elsewhere`);
  jobs.leftThere(answer.promptId, out.sentId);
  run.inBackground(contact.client().deleteFromQueue([answer.promptId], run.signal), parts);
}

interface Refusal {
  readonly status: number;
  readonly message: string;
  readonly nodeErrors: readonly NodeError[];
}

/**
 * Refused for what this job alone brings (a cell of its prompt, its seed) the job fails. For anything else in the workflow the variant is
 * to
 * blame, unless the server has taken it before: then one answer condemns nothing but this attempt.
 */
async function refuse(out: OutJob, { status, message, nodeErrors }: Refusal, parts: SubmitParts): Promise<void> {
  const { url, jobs, run, contact } = parts;
  const why = describeRefusal({ message, nodeErrors });
  const isValidation = status === 200 || status === 400;
  if (!isValidation) {
    return refusedAlone(out, new TransientError(`Cannot POST ${url}/prompt: ${why}`, { answered: "refused" }), parts);
  }
  jobs.takeOff(out);
  if (isAboutJobAlone(nodeErrors, run.variants.placesOf(out.job))) {
    // An image that was there may be gone: it is sent again before the job is blamed.
    if (run.uploads.mistrust(out.job, url)) return run.jobs.planAgain(out.job);
    run.jobs.fail(out.job, "validation", `${url} refused the values of this prompt: ${why}`);
    return contact.progressed();
  }
  if (!run.schedule.hasTaken(out.job.variant, url)) return run.jobs.refused(out.job, why);
  run.schedule.avoid(out.job.job, url);
  const detail = `${url} refused a workflow that it has taken before: ${why}`;
  contact.refusedOne(new TransientError(detail, { answered: "refused" }));
  if (run.jobs.erred(out.job, { reason: "submit-refused", detail })) contact.progressed();
}

/** True if every complaint names an input that the job fills with a value of its own. */
function isAboutJobAlone(nodeErrors: readonly NodeError[], places: readonly Place[]): boolean {
  const own = new Set(places.map(formatPlace));
  const inputs = nodeErrors.flatMap(({ nodeId, errors }) =>
    errors.map(({ inputName }) => (inputName === undefined ? null : formatPlace({ nodeId, input: inputName }))),
  );
  return inputs.length > 0 && inputs.every((place) => place !== null && own.has(place));
}

/**
 * A value of this prompt that the workflow cannot take: the job fails alone, its variant goes on. An image that this server does not
 * take may be welcome on another.
 */
function reject(out: OutJob, error: RejectError, { url, jobs, run }: SubmitParts): void {
  jobs.takeOff(out);
  if (error.reason !== "upload-refused") return run.jobs.fail(out.job, error.reason, error.message);
  run.schedule.avoid(out.job.job, url);
  const detail = error.hint === undefined ? error.message : `${error.message}. Try: ${error.hint}`;
  run.jobs.erred(out.job, { reason: error.reason, detail });
}

/** Pause between two looks at a queue that shall become empty, ms. */
const EMPTY_QUEUE_POLL_MS = 250;

/**
 * Makes the server run every node again: its cache names a file that is gone. /free takes effect between prompts, so the queue has to
 * be empty, which is waited for no longer than the stall timeout (other people's jobs may keep it full). A server, or a proxy before it,
 * that has no /free is sent the job all the same: if its cache names the lost file again, that counts.
 */
async function forgetNodeCache({ url, contact, run }: Pick<SubmitParts, "url" | "contact" | "run">): Promise<void> {
  const client = contact.client();
  const deadlineMs = run.clock.nowMs() + run.config.generate.stall_timeout_s * 1_000;
  const isEmpty = async (): Promise<boolean> => {
    const { running, pending } = await client.queue(run.signal);
    return running.length + pending.length === 0;
  };
  while (!(await isEmpty()) && run.clock.nowMs() < deadlineMs) await run.clock.sleep(EMPTY_QUEUE_POLL_MS, run.signal);
  try {
    await client.free({ unloadModels: false, freeMemory: true }, run.signal);
  } catch (error) {
    if (!(error instanceof TransientError) || error.answered !== "refused") throw error;
    run.log.info(`${url} cannot be told to forget its cache, so that it may name a lost file again: ${error.message}`);
    return;
  }
  // The flag is read by the worker thread between prompts: one more look gives it the time.
  await run.clock.sleep(EMPTY_QUEUE_POLL_MS, run.signal);
}

/**
 * Acts on an answer to POST /prompt that refuses a job, and is no validation by ComfyUI. While the server answers other questions the
 * answer
 * is about the job: it counts, whatever its status, and the job is tried elsewhere or later until `max_attempts`. A server that answers
 * nothing else either is in trouble, and says nothing of the job.
 */
async function refusedAlone(out: OutJob, error: TransientError, parts: SubmitParts): Promise<void> {
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
async function expectPosts(refusal: TransientError, { contact, run }: SubmitParts): Promise<void> {
  try {
    await contact.client().deleteFromQueue([], run.signal);
  } catch (error) {
    if (!(error instanceof TransientError)) throw error;
    if (error.asksForCredentials) throw new FatalError(refusal.message, { hint: refusal.hint ?? "", cause: refusal });
    // Anything else says nothing about credentials.
  }
}
