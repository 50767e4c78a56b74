import type { HistoryEntry } from "../../comfy/history-entry.ts";
import type { Queue } from "../../comfy/queue.ts";
import type { GenerateRun } from "./run.ts";
import type { OutJob, ServerState } from "./server-state.ts";
import { settleEntry } from "./settle-entry.ts";

/** How long a job may be in neither queue nor history before it is lost: a POST whose answer was lost may still arrive, ms. */
const LOST_GRACE_MS = 5_000;
/** Submissions in a row that a server cut off and never had, before it is left alone. */
const SWALLOWED_MAX = 3;

/** Between two looks at a server's queue, ms. The WebSocket usually tells sooner. */
const SWEEP_INTERVAL_MS = 1_000;

/** Looks where the jobs out there are, and who else is: one /queue for all, and /history for those that left it. */
export async function sweepServer(server: ServerState, run: GenerateRun): Promise<void> {
  if (run.clock.nowMs() < server.sweepAtMs) return;
  server.sweepAtMs = run.clock.nowMs() + SWEEP_INTERVAL_MS;
  // Jobs being posted are left out: this /queue may have been answered before they arrived.
  const asked = [...server.out.values()].filter((out) => out.state !== "posting");
  if (asked.length === 0 && server.theirs === 0) return;
  const queue = await server.client.queue(run.signal);
  noteQueue(queue, server, run);
  const waiting = new Set([...queue.running, ...queue.pending].map((item) => item.promptId));
  for (const out of asked) {
    const { promptId } = out.job;
    if (waiting.has(promptId)) {
      out.state = "sent";
      out.missingSinceMs = null;
      continue;
    }
    // Queue first, history second: a job moves from the one to the other and never back.
    await settleById(promptId, server, run);
    if (server.out.has(promptId)) noteMissing(out, server, run);
  }
  server.restarted = false;
  run.servers.remember(server.client.url);
}

/** Settles a job whose run is over, by the server's history, and calls `next` in the same commit; nothing where it is not over. */
export async function settleById(promptId: string, server: ServerState, run: GenerateRun, next?: () => void): Promise<void> {
  const entry = await server.client.history(promptId, run.signal);
  if (entry === null) return;
  run.commits.together(() => {
    settle(entry, server, run);
    next?.();
  });
}

function settle(entry: HistoryEntry, server: ServerState, run: GenerateRun): void {
  const out = server.out.get(entry.promptId);
  if (out === undefined) return; // Told twice: by the event and by the sweep.
  takeOff(out, server, run);
  server.movedAtMs = run.clock.nowMs();
  server.swallowed = 0;
  settleEntry(out.job, entry, { server, run });
}

/** The job is no longer out at the server. */
export function takeOff(out: OutJob, server: ServerState, run: GenerateRun): void {
  server.out.delete(out.job.promptId);
  run.schedule.setInFlight(server.client.url, server.out.size);
  run.progress.setOut(server.client.url, server.out.size);
}

function noteMissing(out: OutJob, server: ServerState, run: GenerateRun): void {
  const nowMs = run.clock.nowMs();
  out.missingSinceMs ??= nowMs;
  if (!server.restarted && nowMs - out.missingSinceMs < LOST_GRACE_MS) return;
  takeOff(out, server, run);
  run.jobs.planAgain(out.job, "lost_jobs");
  // Accepted and gone is a restart; cut off and never seen is a server, or something before it, that takes nothing.
  if (out.state !== "unknown" || server.restarted || ++server.swallowed < SWALLOWED_MAX) return;
  server.swallowed = 0;
  run.latch(server.client.url, `it cut off ${SWALLOWED_MAX} submissions in a row and took none of them`);
}

/** Whose jobs are there, and whether anything moved since the last look. */
function noteQueue(queue: Queue, server: ServerState, run: GenerateRun): void {
  const isOurs = (promptId: string): boolean => server.out.has(promptId) || server.abandoned.has(promptId);
  const all = [...queue.running, ...queue.pending];
  server.theirs = all.filter((item) => !isOurs(item.promptId)).length;
  for (const promptId of server.abandoned) if (!all.some((item) => item.promptId === promptId)) server.abandoned.delete(promptId);
  const shape = `${queue.running.map((item) => item.promptId).join()} ${queue.pending.length}`;
  // Waiting behind others is no stall.
  if (shape !== server.queueShape || queue.running.some((item) => !isOurs(item.promptId))) server.movedAtMs = run.clock.nowMs();
  server.queueShape = shape;
}
