import type { ComfyEvent } from "../../comfy/event.ts";
import type { JobRow, SubmittedJob } from "../../db/queries/jobs.ts";
import { FatalError, TransientError, isAbort, messageOf } from "../../errors.ts";
import { backoffMs } from "../../lib/backoff.ts";
import { pause } from "../../lib/pause.ts";
import { giveJobsAway, watchForStall } from "./give-jobs-away.ts";
import { roomOf } from "./room.ts";
import type { GenerateRun } from "./run.ts";
import type { OutJob, ServerState } from "./server-state.ts";
import { submitJob } from "./submit-job.ts";
import { settleById, sweepServer } from "./sweep-server.ts";
import { watchMemory } from "./watch-memory.ts";

/** Between two looks at a server's queue, ms. The WebSocket usually tells sooner. */
const SWEEP_INTERVAL_MS = 1_000;
/** Between two looks for new planned jobs while a server has nothing to do, ms. */
const IDLE_POLL_MS = 500;
/** Back-off while a server does not answer, ms. */
const DOWN_BACKOFF = { firstMs: 250, maxMs: 15_000 };

/**
 * Keeps one server fed until `run.finished` fires, or it left the configuration and nothing is out. Polling is the truth, the WebSocket a
 * hint: a job is settled by its history entry only, and lost only when a reachable server has it neither in queue nor in history.
 */
export async function serveServer(server: ServerState, run: GenerateRun, adopted: readonly SubmittedJob[]): Promise<void> {
  const { url } = server.client;
  for (const job of adopted) server.out.set(job.promptId, { job, state: "unknown", missingSinceMs: null });
  let failedTries = 0;
  let downSinceMs = run.clock.nowMs();
  const isOver = (): boolean => run.finished.aborted || (server.leaving && server.out.size === 0);
  try {
    while (!isOver()) {
      const woken = new Promise<void>((resolve) => (server.wake = resolve));
      try {
        if (!run.servers.isUp(url)) await connect(server, run);
        failedTries = 0;
        await sweepServer(server, run);
        await watchForStall(server, run);
        await watchMemory(server, run);
        fill(server, run);
        await pause(run.clock, { delayMs: server.out.size > 0 ? SWEEP_INTERVAL_MS : IDLE_POLL_MS, until: woken, signal: run.finished });
      } catch (error) {
        if (run.finished.aborted || (isAbort(error) && run.signal.aborted)) break;
        if (error instanceof FatalError) {
          run.servers.serverUnusable(url, error);
          return giveJobsAway(server, run);
        }
        if (!(error instanceof TransientError)) throw error;
        if (run.servers.isUp(url)) downSinceMs = run.clock.nowMs();
        run.servers.serverDown(url, messageOf(error));
        server.theirs = null;
        if (server.leaving || run.clock.nowMs() - downSinceMs >= run.config.generate.stall_timeout_s * 1_000) giveJobsAway(server, run);
        const delayMs = backoffMs(failedTries++, { ...DOWN_BACKOFF, retryAfterMs: error.retryAfterMs });
        await pause(run.clock, { delayMs, signal: run.finished });
      }
    }
  } finally {
    server.events?.close();
  }
}

async function connect(server: ServerState, run: GenerateRun): Promise<void> {
  const stats = await server.client.systemStats(run.signal);
  server.events ??= server.client.events({
    clock: run.clock,
    onEvent: (event) => onEvent(event, server, run),
    onOpen: () => server.wake(), // What was sent while there was no connection is lost: look at history.
    signal: run.finished,
  });
  server.movedAtMs = run.clock.nowMs();
  run.servers.serverUp(server.client.url, stats);
}

function onEvent(event: ComfyEvent, server: ServerState, run: GenerateRun): void {
  if (event.type === "status") {
    // More in the queue than we know of: somebody else's jobs.
    if (event.queueRemaining > server.out.size) server.theirs ??= event.queueRemaining - server.out.size;
    return;
  }
  if (event.promptId === null || !server.out.has(event.promptId)) return;
  server.movedAtMs = run.clock.nowMs();
  // `executing` without a node comes after the history entry; execution_success comes before it, too early to read.
  const isRunOver =
    (event.type === "executing" && event.node === null) || event.type === "executionError" || event.type === "executionInterrupted";
  if (isRunOver) run.inBackground(settleById(event.promptId, server, run).then(() => fill(server, run)));
  else if (event.type === "progress") run.progress.step(server.client.url, event);
}

/** Takes jobs while there is room. */
function fill(server: ServerState, run: GenerateRun): void {
  const { url } = server.client;
  while (!run.isOver() && !server.exclusive && !server.draining && server.theirs !== null && run.servers.isUp(url)) {
    const room = roomOf({
      window: run.config.generate.window,
      ours: server.out.size,
      theirs: server.theirs,
      shortage: server.shortage,
      isProbe: run.health.whyLatched(url) !== undefined,
    });
    if (room === 0) {
      if (server.out.size < run.config.generate.window) run.schedule.full(url);
      return;
    }
    const next = run.schedule.next(url);
    if (next === null) return;
    const job = claim(next, server, run);
    if (job === null) continue; // Another process changed it meanwhile.
    const out: OutJob = { job, state: "posting", missingSinceMs: null };
    if (server.out.size === 0) server.movedAtMs = run.clock.nowMs();
    server.out.set(job.promptId, out);
    run.health.sent(url, job.variant);
    run.servers.loads(url, run.variants.get(job.variant).model);
    run.schedule.setInFlight(url, server.out.size);
    run.progress.setOut(url, server.out.size);
    run.inBackground(submitJob(out, server, run));
  }
}

/** Commits the intent: the row says which prompt_id goes to which server before anything is sent. */
function claim(next: JobRow, server: ServerState, run: GenerateRun): SubmittedJob | null {
  const attempt = next.attempt + 1;
  const nowMs = run.clock.nowMs();
  const promptId = run.promptIdOf(next.job, attempt);
  const { url } = server.client;
  if (!run.queries.markSubmitted(next.job, { attempt, promptId, server: url, nowMs })) return null;
  return { ...next, attempt, promptId, server: url, submittedAtMs: nowMs };
}
