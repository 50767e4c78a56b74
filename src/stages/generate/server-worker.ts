import type { ComfyClient } from "../../comfy/client.ts";
import type { ComfyEvent } from "../../comfy/event.ts";
import type { HistoryEntry } from "../../comfy/history-entry.ts";
import type { SystemStats } from "../../comfy/system-stats.ts";
import { comfyEvents, type ComfyEvents } from "../../comfy/events.ts";
import type { JobRow, SubmittedJob } from "../../db/queries/jobs.ts";
import { FatalError, TransientError, isAbort, messageOf } from "../../errors.ts";
import { backoffMs } from "../../lib/backoff.ts";
import { pause } from "../../lib/pause.ts";
import { settleEntry } from "./settle-entry.ts";
import type { GenerateRun } from "./run.ts";
import { submitJob } from "./submit-job.ts";

/** Between two looks at a server's queue while jobs are out there, ms. The WebSocket usually tells sooner. */
const SWEEP_INTERVAL_MS = 1_000;
/** How long a job may be in neither queue nor history before it is lost: a POST whose answer was lost may still arrive, ms. */
const LOST_GRACE_MS = 5_000;
/** Back-off while a server does not answer, ms. */
const DOWN_BACKOFF = { firstMs: 250, maxMs: 15_000 };

/** A job out at this server. */
export interface OutJob {
  readonly job: SubmittedJob;
  /** `posting`: the answer of POST /prompt is not there yet; `sent`: accepted; `unknown`: it may or may not have arrived. */
  state: "posting" | "sent" | "unknown";
  /** Since when it is in neither queue nor history. */
  missingSinceMs: number | null;
}

/** What the worker's parts share: one server, its connection and its jobs. */
export interface ServerState {
  readonly client: ComfyClient;
  readonly out: Map<string, OutJob>;
  events: ComfyEvents | null;
  /** A job waits for this server's queue to be empty: no other may be submitted meanwhile. */
  exclusive: boolean;
  /** The server restarted: what is in neither queue nor history is lost at once. */
  restarted: boolean;
  /** Wakes the worker's loop. */
  wake(): void;
}

/**
 * Keeps one server fed until `run.finished` fires. Polling is the truth, the WebSocket a hint: a job is settled by its history entry
 * only, and lost only when a reachable server has it neither in queue nor in history.
 */
export async function serveServer(client: ComfyClient, run: GenerateRun, adopted: readonly SubmittedJob[]): Promise<void> {
  let wake: () => void = () => undefined;
  const server: ServerState = { client, out: new Map(), events: null, exclusive: false, restarted: false, wake: () => wake() };
  for (const job of adopted) server.out.set(job.promptId, { job, state: "unknown", missingSinceMs: null });
  let failedTries = 0;
  let downSinceMs = run.clock.nowMs();
  try {
    while (!run.finished.aborted) {
      const woken = new Promise<void>((resolve) => (wake = resolve));
      try {
        if (!run.isUp(client.url)) await connect(server, run);
        failedTries = 0;
        await sweep(server, run);
        fill(server, run);
        await pause(run.clock, { delayMs: server.out.size > 0 ? SWEEP_INTERVAL_MS : run.idlePollMs, until: woken, signal: run.finished });
      } catch (error) {
        if (run.finished.aborted || (isAbort(error) && run.signal.aborted)) break;
        if (error instanceof FatalError) {
          run.serverUnusable(client.url, error);
          return giveJobsAway(server, run);
        }
        if (!(error instanceof TransientError)) throw error;
        if (run.isUp(client.url)) downSinceMs = run.clock.nowMs();
        disconnect(server, run, messageOf(error));
        if (run.clock.nowMs() - downSinceMs >= run.config.generate.stall_timeout_s * 1_000) giveJobsAway(server, run);
        const delayMs = backoffMs(failedTries++, { ...DOWN_BACKOFF, retryAfterMs: error.retryAfterMs });
        await pause(run.clock, { delayMs, signal: run.finished });
      }
    }
  } finally {
    server.events?.close();
  }
}

async function connect(server: ServerState, run: GenerateRun): Promise<void> {
  const stats: SystemStats = await server.client.systemStats(run.signal);
  server.events ??= comfyEvents({
    ...run.connectionOf(server.client.url),
    clock: run.clock,
    onEvent: (event) => onEvent(event, server, run),
    onOpen: () => server.wake(), // What was sent while there was no connection is lost: look at history.
    signal: run.finished,
  });
  run.serverUp(server.client.url, stats);
}

function disconnect(server: ServerState, run: GenerateRun, why: string): void {
  run.serverDown(server.client.url, why);
}

/** A server that cannot be asked for too long loses its jobs to the others. They may run twice then: counted as ambiguous. */
function giveJobsAway(server: ServerState, run: GenerateRun): void {
  for (const { job } of server.out.values()) run.ambiguous(job);
  server.out.clear();
  run.countOut(server);
}

function onEvent(event: ComfyEvent, server: ServerState, run: GenerateRun): void {
  if (event.promptId === null || !server.out.has(event.promptId)) return;
  // `executing` without a node comes after the history entry; execution_success comes before it, too early to read.
  const isOver =
    (event.type === "executing" && event.node === null) || event.type === "executionError" || event.type === "executionInterrupted";
  if (isOver) run.inBackground(settleById(event.promptId, server, run));
  else if (event.type === "progress") run.progressed(server.client.url, event);
}

async function settleById(promptId: string, server: ServerState, run: GenerateRun): Promise<void> {
  const entry = await server.client.history(promptId, run.signal);
  if (entry !== null) settle(entry, server, run);
}

function settle(entry: HistoryEntry, server: ServerState, run: GenerateRun): void {
  const out = server.out.get(entry.promptId);
  if (out === undefined) return; // Told twice: by the event and by the sweep.
  server.out.delete(entry.promptId);
  settleEntry(out.job, entry, { server, run });
  run.countOut(server);
  fill(server, run);
}

/** Looks where the jobs out there are: one /queue for all, and /history for those that left it. */
async function sweep(server: ServerState, run: GenerateRun): Promise<void> {
  // Jobs being posted are left out: this /queue may have been answered before they arrived.
  const asked = [...server.out.values()].filter((out) => out.state !== "posting");
  if (asked.length === 0) return;
  const queue = await server.client.queue(run.signal);
  const waiting = new Set([...queue.running, ...queue.pending].map((item) => item.promptId));
  for (const out of asked) {
    const { promptId } = out.job;
    if (waiting.has(promptId)) {
      out.state = "sent";
      out.missingSinceMs = null;
      continue;
    }
    // Queue first, history second: a job moves from the one to the other and never back.
    const entry = await server.client.history(promptId, run.signal);
    if (entry !== null) settle(entry, server, run);
    else if (server.out.has(promptId)) noteMissing(out, server, run);
  }
  server.restarted = false;
}

function noteMissing(out: OutJob, server: ServerState, run: GenerateRun): void {
  const nowMs = run.clock.nowMs();
  out.missingSinceMs ??= nowMs;
  if (!server.restarted && nowMs - out.missingSinceMs < LOST_GRACE_MS) return;
  server.out.delete(out.job.promptId);
  run.lost(out.job);
  run.countOut(server);
}

/** Takes jobs while there is room. */
function fill(server: ServerState, run: GenerateRun): void {
  while (!run.isOver() && !server.exclusive && run.isUp(server.client.url)) {
    const next = run.schedule.next(server.client.url);
    if (next === null) return;
    const job = claim(next, server, run);
    if (job === null) continue; // Another process changed it meanwhile.
    const out: OutJob = { job, state: "posting", missingSinceMs: null };
    server.out.set(job.promptId, out);
    run.countOut(server);
    run.inBackground(submitJob(out, server, run));
  }
}

/** Commits the intent: the row says which prompt_id goes to which server before anything is sent. */
function claim(next: JobRow, server: ServerState, run: GenerateRun): SubmittedJob | null {
  const attempt = next.attempt + 1;
  const nowMs = run.clock.nowMs();
  const promptId = run.promptIdOf(next.job, attempt);
  if (!run.jobs.markSubmitted(next.job, { attempt, promptId, server: server.client.url, nowMs })) return null;
  return { ...next, attempt, promptId, server: server.client.url, submittedAtMs: nowMs };
}
