import { findByMark } from "../../comfy/find-by-mark.ts";
import type { HistoryEntry } from "../../comfy/history-entry.ts";
import type { Queue } from "../../comfy/queue.ts";
import { followUnder } from "./follow-under.ts";
import type { GenerateRun } from "./run.ts";
import type { OutJob, ServerState } from "./server-state.ts";
import { settleEntry } from "./settle-entry.ts";
import { idsOf, ownPrompts } from "./whose-prompt.ts";

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
  // By both ids: where an answer was lost, only the mark says what the server calls the prompt.
  const waiting = new Map([...queue.running, ...queue.pending].flatMap((item) => idsOf(item).map((id) => [id, item.promptId] as const)));
  for (const out of asked) {
    const given = waiting.get(out.job.promptId) ?? waiting.get(out.sentId);
    if (given !== undefined) {
      followUnder(out, given, { server, run });
      out.state = "sent";
      out.missingSinceMs = null;
      continue;
    }
    // Queue first, history second: a job moves from the one to the other and never back.
    await settleById(out.job.promptId, server, run);
    out.missingSinceMs ??= run.clock.nowMs();
  }
  await giveUpMissing(server, run);
  server.restarted = false;
}

/** Settles a job whose run is over, by the server's history, and calls `next` in the same commit; nothing where it is not over. */
export async function settleById(promptId: string, server: ServerState, run: GenerateRun, next?: () => void): Promise<void> {
  const entry = await server.client.history(promptId, run.signal);
  if (entry === null) return;
  run.commits.together(() => {
    settle(entry, server, run);
    run.servers.remember(server.client.url);
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

/** What is missing for too long is looked for by its mark, if its answer was lost, and is lost then. */
async function giveUpMissing(server: ServerState, run: GenerateRun): Promise<void> {
  const nowMs = run.clock.nowMs();
  const isOverdue = ({ missingSinceMs }: OutJob): boolean =>
    missingSinceMs !== null && (server.restarted || nowMs - missingSinceMs >= LOST_GRACE_MS);
  const missing = [...server.out.values()].filter(isOverdue);
  const unanswered = missing.filter(({ state }) => state === "unknown").map(({ sentId }) => sentId);
  const found = await findByMark(server.client, unanswered, run.signal);
  for (const out of missing) {
    if (server.out.get(out.job.promptId) !== out) continue; // An event told its end meanwhile.
    const entry = found.get(out.sentId);
    if (entry === undefined) lose(out, server, run);
    else {
      followUnder(out, entry.promptId, { server, run });
      settle(entry, server, run);
    }
  }
}

function lose(out: OutJob, server: ServerState, run: GenerateRun): void {
  takeOff(out, server, run);
  run.jobs.planAgain(out.job, "lost_jobs");
  // Accepted and gone is a restart; cut off and never seen is a server, or something before it, that takes nothing.
  if (out.state !== "unknown" || server.restarted || ++server.swallowed < SWALLOWED_MAX) return;
  server.swallowed = 0;
  run.latch(server.client.url, `it cut off ${SWALLOWED_MAX} submissions in a row and took none of them`);
}

/** Whose jobs are there, and whether anything moved since the last look. */
function noteQueue(queue: Queue, server: ServerState, run: GenerateRun): void {
  const isOurs = ownPrompts(server);
  const all = [...queue.running, ...queue.pending];
  server.theirs = all.filter((item) => !isOurs(item)).length;
  const there = new Set(all.flatMap(idsOf));
  for (const id of server.abandoned) if (!there.has(id)) server.abandoned.delete(id);
  const shape = `${queue.running.map((item) => item.promptId).join()} ${queue.pending.length}`;
  // Waiting behind others is no stall.
  if (shape !== server.queueShape || queue.running.some((item) => !isOurs(item))) server.movedAtMs = run.clock.nowMs();
  server.queueShape = shape;
}
