import { TransientError } from "../../../errors.ts";
import { counted } from "../../../lib/words.ts";
import type { ServerParts } from "./server-parts.ts";

/** A server that cannot be asked for too long loses its jobs to the others. They may run twice then: counted as ambiguous. */
export function giveJobsAway({ jobs, run }: Pick<ServerParts, "jobs" | "run">): void {
  for (const out of jobs.all()) {
    jobs.takeOff(out);
    run.jobs.planAgain(out.job, "ambiguous_submissions");
  }
}

/**
 * A server that answers, and about our jobs only badly, is left alone, and loses them to the others. Where there is no other one they stay:
 * made again there they would end likewise.
 */
export function giveToOthers({ url, jobs, run }: Pick<ServerParts, "url" | "jobs" | "run">, why: string): void {
  const others = run.servers.upServers().filter((other) => other !== url && run.health.whyLatched(other) === undefined);
  const out = jobs.all();
  if (out.length === 0 || others.length === 0) return;
  for (const each of out) jobs.abandon(each);
  const reason = `it gave no good answer about its jobs for ${run.config.generate.stall_timeout_s} s: ${why}`;
  run.log.warn(`${url} loses ${counted(out.length, "job")} to other servers: ${reason}`);
  run.latch(url, reason);
  for (const { job } of out) run.jobs.planAgain(job, "ambiguous_submissions");
}

/**
 * Leaves a server alone that has jobs of ours and has shown no sign of work for `stall_timeout_s`: no event, no movement of its queue,
 * nobody else's prompt running. What waits there is taken out of its queue and goes elsewhere.
 */
export async function watchForStall({ url, contact, jobs, queue, run }: ServerParts): Promise<void> {
  const accepted = jobs.all().filter((out) => out.state === "sent");
  if (accepted.length === 0 || queue.stillForMs() < run.config.generate.stall_timeout_s * 1_000) return;
  const promptIds = accepted.map((out) => out.job.promptId);
  for (const out of accepted) jobs.abandon(out);
  run.latch(url, `it has ${accepted.length} jobs and has done nothing for ${run.config.generate.stall_timeout_s} s`);
  for (const out of accepted) run.jobs.planAgain(out.job, "stalled_jobs");
  try {
    for (const promptId of promptIds) await contact.client().cancel(promptId, run.signal);
  } catch (error) {
    if (!(error instanceof TransientError)) throw error;
    run.log.debug(`${url} was not told to drop the jobs it stalled at: ${error.message}`);
  }
}
