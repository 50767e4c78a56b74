import type { ComfyEvent } from "../../comfy/event.ts";
import type { JobRow, SubmittedJob } from "../../db/queries/jobs.ts";
import { FatalError, TransientError, isAbort, messageOf } from "../../errors.ts";
import { backoffMs, WAITS } from "../../lib/retry.ts";
import { pause } from "../../lib/pause.ts";
import { giveJobsAway, watchForStall } from "./give-jobs-away.ts";
import { roomOf } from "./room.ts";
import type { GenerateRun } from "./run.ts";
import type { OutJob, ServerState } from "./server-state.ts";
import { submitJob } from "./submit-job.ts";
import { settleById, sweepServer } from "./sweep-server.ts";
import { watchMemory } from "./watch-memory.ts";

/** Between two rounds of a worker that nobody wakes, ms. */
const ROUND_MS = 500;

/**
 * Keeps one server fed until `run.finished` fires, or it left the configuration and nothing is out. Polling is the truth, the WebSocket a
 * hint: a job is settled by its history entry only, and lost only when a reachable server has it neither in queue nor in history.
 */
export async function serveServer(server: ServerState, run: GenerateRun, adopted: readonly SubmittedJob[]): Promise<void> {
  const { url } = server.client;
  for (const job of adopted)
    server.out.set(job.promptId, { job, sentId: run.promptIdOf(job.job, job.attempt), state: "unknown", missingSinceMs: null });
  run.fillers.set(url, () => fill(server, run));
  let failedTries = 0;
  const isOver = (): boolean => run.finished.aborted || (server.leaving && server.out.size === 0);
  try {
    while (!isOver()) {
      const woken = new Promise<void>((resolve) => (server.wake = resolve));
      try {
        if (server.unusable !== null) throw server.unusable;
        if (!run.servers.isUp(url)) await connect(server, run);
        failedTries = 0;
        await sweepServer(server, run);
        await watchForStall(server, run);
        await watchMemory(server, run);
        fill(server, run);
        await pause(run.clock, { delayMs: ROUND_MS, until: woken, signal: run.finished });
      } catch (error) {
        if (run.finished.aborted || (isAbort(error) && run.signal.aborted)) break;
        if (error instanceof FatalError) {
          run.servers.serverUnusable(url, error);
          return giveJobsAway(server, run);
        }
        if (!(error instanceof TransientError)) throw error;
        run.servers.serverDown(url, messageOf(error));
        server.theirs = null;
        if (server.leaving || run.servers.downForMs(url) >= run.config.generate.stall_timeout_s * 1_000) giveJobsAway(server, run);
        const delayMs = backoffMs(failedTries++, { ...WAITS.server, retryAfterMs: error.retryAfterMs });
        await pause(run.clock, { delayMs, signal: run.finished });
      }
    }
  } finally {
    run.fillers.delete(url);
    server.events?.close();
  }
}

async function connect(server: ServerState, run: GenerateRun): Promise<void> {
  const stats = await server.client.systemStats(run.signal);
  server.events ??= server.client.events({
    clock: run.clock,
    onEvent: (event) => onEvent(event, server, run),
    onOpen: () => {
      server.sweepAtMs = 0; // What was sent while there was no connection is lost: look at history.
      server.wake();
    },
    signal: run.finished,
  });
  const refusals = await run.bounds.read(server.client, run.signal);
  server.movedAtMs = run.clock.nowMs();
  run.jobs.barred(server.client.url, refusals);
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
  if (isRunOver)
    run.inBackground(
      settleById(event.promptId, server, run, () => fill(server, run)),
      server,
    );
  else if (event.type === "progress") run.progress.step(server.client.url, event);
}

/** Takes jobs while there is room, and has those go on that waited for this server to take its share. */
function fill(server: ServerState, run: GenerateRun): void {
  if (run.isOver()) return;
  run.commits.together(() => {
    if (take(server, run)) for (const url of run.schedule.released()) run.fillers.get(url)?.();
  });
}

/** True if it took any. */
function take(server: ServerState, run: GenerateRun): boolean {
  const { url } = server.client;
  let taken = false;
  const mayTake = (): boolean =>
    !run.isOver() && !server.exclusive && !server.draining && server.unusable === null && run.servers.isUp(url);
  while (server.theirs !== null && mayTake()) {
    const room = roomOf({
      window: run.config.generate.window,
      ours: server.out.size,
      theirs: server.theirs,
      shortage: server.shortage,
      isProbe: run.health.whyLatched(url) !== undefined,
    });
    if (room === 0) {
      if (server.out.size < run.config.generate.window) run.schedule.full(url);
      return taken;
    }
    const next = run.schedule.next(url);
    if (next === null) return taken;
    const job = claim(next, server, run);
    if (job === null) continue; // Another process changed it meanwhile.
    const out: OutJob = { job, sentId: job.promptId, state: "posting", missingSinceMs: null };
    if (server.out.size === 0) server.movedAtMs = run.clock.nowMs();
    server.out.set(job.promptId, out);
    run.health.sent(url, job.variant);
    run.servers.loads(url, run.variants.get(job.variant).model);
    run.schedule.setInFlight(url, server.out.size);
    run.progress.setOut(url, server.out.size);
    run.commits.afterwards(() => run.inBackground(submitJob(out, server, run)));
    taken = true;
  }
  return taken;
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
