import { TransientError } from "../../errors.ts";
import type { GenerateRun } from "./run.ts";
import type { ServerState } from "./server-state.ts";
import { takeOff } from "./sweep-server.ts";

/** A server that cannot be asked for too long loses its jobs to the others. They may run twice then: counted as ambiguous. */
export function giveJobsAway(server: ServerState, run: GenerateRun): void {
  for (const out of server.out.values()) {
    takeOff(out, server, run);
    run.jobs.planAgain(out.job, "ambiguous_submissions");
  }
}

/**
 * Leaves a server alone that has jobs of ours and has shown no sign of work for `stall_timeout_s`: no event, no movement of its queue,
 * nobody else's prompt running. What waits there is taken out of its queue and goes elsewhere.
 */
export async function watchForStall(server: ServerState, run: GenerateRun): Promise<void> {
  const stalledMs = run.config.generate.stall_timeout_s * 1_000;
  const accepted = [...server.out.values()].filter((out) => out.state === "sent");
  if (accepted.length === 0 || run.clock.nowMs() - server.movedAtMs < stalledMs) return;
  const promptIds = accepted.map((out) => out.job.promptId);
  for (const out of accepted) {
    takeOff(out, server, run);
    server.abandoned.add(out.job.promptId).add(out.sentId);
  }
  run.latch(server.client.url, `it has ${accepted.length} jobs and has done nothing for ${run.config.generate.stall_timeout_s} s`);
  for (const out of accepted) run.jobs.planAgain(out.job, "stalled_jobs");
  try {
    for (const promptId of promptIds) await server.client.cancel(promptId, run.signal);
  } catch (error) {
    if (!(error instanceof TransientError)) throw error;
    run.log.debug(`${server.client.url} was not told to drop the jobs it stalled at: ${error.message}`);
  }
}
