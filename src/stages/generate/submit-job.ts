import { describeRefusal } from "../../comfy/describe-refusal.ts";
import { formatPlace, type Place } from "../../comfy/graph.ts";
import type { NodeError, SubmitAnswer } from "../../comfy/submit.ts";
import { FatalError, isAbort, messageOf, RejectError, TransientError } from "../../errors.ts";
import { followUnder } from "./follow-under.ts";
import type { GenerateRun } from "./run.ts";
import type { OutJob, ServerState } from "./server-state.ts";
import { takeOff } from "./sweep-server.ts";

/** Between two looks at a queue that shall become empty, ms. */
const EMPTY_QUEUE_POLL_MS = 250;

/** Sends a job whose intent is committed, and acts on the answer. A lost answer is never answered by posting again. */
export async function submitJob(out: OutJob, server: ServerState, run: GenerateRun): Promise<void> {
  const { job } = out;
  try {
    const refusal = run.bounds.refusalOf(server.client.url, job);
    if (refusal !== undefined)
      throw new RejectError("validation", `${server.client.url} does not take the values of this prompt: ${refusal}`);
    await run.uploads.ensure(job, server.client, run.signal);
    if (job.freeFirst === 1) await forgetNodeCache(server, run);
    const numberBefore = run.servers.lastNumberOf(server.client.url);
    const answer = await server.client.submit(
      {
        ...run.variants.render(job),
        promptId: out.sentId,
        mark: { job: job.job, attempt: job.attempt },
        clientId: server.events?.clientId ?? run.fallbackClientId,
      },
      run.signal,
    );
    onAnswer(answer, out, { server, run, numberBefore });
  } catch (error) {
    if (isAbort(error) && run.signal.aborted) return; // The row stays `submitted`; the next run asks the server.
    const isOurs = server.out.get(out.job.promptId) === out;
    if (!isOurs && (error instanceof RejectError || error instanceof TransientError)) return; // Given away meanwhile.
    if (error instanceof RejectError) return reject(out, error, { server, run });
    if (!(error instanceof TransientError) && !(error instanceof FatalError)) throw error;
    if (error instanceof FatalError) server.unusable = error;
    else run.servers.serverDown(server.client.url, messageOf(error));
    if (out.state === "sent" || !isOurs) return; // Accepted, and not to be followed, or given away with what else is out there.
    // The request surely never reached the server: the job goes back without an attempt being held against it.
    takeOff(out, server, run);
    run.jobs.planAgain(job);
  } finally {
    run.fillers.get(server.client.url)?.(); // Its place may be free again.
  }
}

interface Answered {
  readonly server: ServerState;
  readonly run: GenerateRun;
  /** The highest number known when the prompt was sent. */
  readonly numberBefore: number;
}

function onAnswer(answer: SubmitAnswer, out: OutJob, { server, run, numberBefore }: Answered): void {
  if (server.out.get(out.job.promptId) !== out) return tooLate(answer, out, { server, run });
  if (answer.kind === "unknown") {
    out.state = "unknown";
    run.log.debug(`${server.client.url} did not answer for ${out.job.promptId}: ${answer.cause.message}. Asking its queue and history`);
    return;
  }
  if (answer.kind === "refused") {
    return refuse(out, answer, { server, run });
  }
  out.state = "sent";
  followUnder(out, answer.promptId, { server, run });
  server.swallowed = 0;
  if (run.servers.noteNumber(server.client.url, answer.number, numberBefore)) server.restarted = true;
  if (answer.nodeErrors.length === 0) return;
  // 200 with node_errors: an output was dropped. Only bound outputs are sent, so the job cannot give what it was sent for.
  run.inBackground(server.client.deleteFromQueue([out.job.promptId], run.signal), server);
  refuse(out, { message: "it accepted the workflow only in part", nodeErrors: answer.nodeErrors }, { server, run });
}

/** The server was given up while it was asked, and the job went elsewhere: what it took after all is taken back where it still waits. */
function tooLate(answer: SubmitAnswer, out: OutJob, { server, run }: { readonly server: ServerState; readonly run: GenerateRun }): void {
  if (answer.kind !== "accepted") return;
  run.log.debug(`${server.client.url} took ${out.sentId} after its job had gone elsewhere`);
  server.abandoned.add(answer.promptId).add(out.sentId);
  run.inBackground(server.client.deleteFromQueue([answer.promptId], run.signal), server);
}

interface Refusal {
  readonly message: string;
  readonly nodeErrors: readonly NodeError[];
}

/** Refused for what this job alone brings (a cell of its prompt, its seed) the job fails; for anything else the variant is to blame. */
function refuse(
  out: OutJob,
  { message, nodeErrors }: Refusal,
  { server, run }: { readonly server: ServerState; readonly run: GenerateRun },
): void {
  takeOff(out, server, run);
  const { url } = server.client;
  const why = describeRefusal({ message, nodeErrors });
  if (!isAboutJobAlone(nodeErrors, run.variants.placesOf(out.job))) return run.jobs.refused(out.job, why);
  // A picture that was there may be gone: it is sent again before the job is blamed.
  if (run.uploads.mistrust(out.job, url)) return run.jobs.planAgain(out.job);
  run.jobs.fail(out.job, "validation", `${url} refused the values of this prompt: ${why}`);
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
 * A value of this prompt that the workflow cannot take: the job fails alone, its variant goes on. A picture that this server does not
 * take may be welcome on another.
 */
function reject(out: OutJob, error: RejectError, { server, run }: { readonly server: ServerState; readonly run: GenerateRun }): void {
  takeOff(out, server, run);
  if (error.reason !== "upload-refused") return run.jobs.fail(out.job, error.reason, error.message);
  run.schedule.avoid(out.job.job, server.client.url);
  const detail = error.hint === undefined ? error.message : `${error.message}. Try: ${error.hint}`;
  run.jobs.erred(out.job, { reason: error.reason, detail });
}

/**
 * Makes the server run every node again: its cache names a file that is gone. /free takes effect between prompts, so the queue has to
 * be empty, which is waited for no longer than the stall timeout (other people's jobs may keep it full).
 */
async function forgetNodeCache(server: ServerState, run: GenerateRun): Promise<void> {
  server.exclusive = true;
  try {
    const deadlineMs = run.clock.nowMs() + run.config.generate.stall_timeout_s * 1_000;
    while ((await server.client.queueRemaining(run.signal)) > 0 && run.clock.nowMs() < deadlineMs) {
      await run.clock.sleep(EMPTY_QUEUE_POLL_MS, run.signal);
    }
    await server.client.free({ unloadModels: false, freeMemory: true }, run.signal);
    // The flag is read by the worker thread between prompts: one more look gives it the time.
    await run.clock.sleep(EMPTY_QUEUE_POLL_MS, run.signal);
  } finally {
    server.exclusive = false;
  }
}
