import { formatPlace, type Place } from "../../../comfy/graph/graph.ts";
import { type NodeError, type SubmitAnswer, describeRefusal } from "../../../comfy/client/submit.ts";
import { FatalError, isAbort, RejectError, TransientError } from "../../../errors.ts";
import { forgetNodeCache } from "./forget-node-cache.ts";
import type { OutJob } from "./jobs-out.ts";
import { refusedAlone } from "./refused-alone.ts";
import type { ServerParts } from "./server-parts.ts";

/** Sends jobs whose intent is committed, and acts on the answers. A lost answer is never answered by posting again. */
export interface Submitter {
  submit(out: OutJob): Promise<void>;
  /** True while a job waits for the server's queue to be empty: no other may be submitted meanwhile. */
  isExclusive(): boolean;
}

export function createSubmitter(parts: ServerParts): Submitter {
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

interface Answered extends ServerParts {
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
  jobs.seen(out);
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
function tooLate(answer: SubmitAnswer, out: OutJob, parts: ServerParts): void {
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
 * Refused for what this job alone brings (a cell of its prompt, its seed) the job fails. For anything else in the workflow the variant is to
 * blame, unless the server has taken it before: then one answer condemns nothing but this attempt.
 */
async function refuse(out: OutJob, { status, message, nodeErrors }: Refusal, parts: ServerParts): Promise<void> {
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
function reject(out: OutJob, error: RejectError, { url, jobs, run }: ServerParts): void {
  jobs.takeOff(out);
  if (error.reason !== "upload-refused") return run.jobs.fail(out.job, error.reason, error.message);
  run.schedule.avoid(out.job.job, url);
  const detail = error.hint === undefined ? error.message : `${error.message}. Try: ${error.hint}`;
  run.jobs.erred(out.job, { reason: error.reason, detail });
}
