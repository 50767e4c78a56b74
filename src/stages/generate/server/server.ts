import type { ComfyClient } from "../../../comfy/client/client.ts";
import type { JobRow, SubmittedJob } from "../../../db/queries/jobs/jobs.ts";
import { FatalError, TransientError, isAbort } from "../../../errors.ts";
import { pause } from "../../../lib/clock.ts";
import { createContact } from "./contact.ts";
import { createJobsOut, createQueueWatch } from "./jobs-out.ts";
import { roomOf } from "../room.ts";
import type { GenerateRun } from "../run.ts";
import type { ServerParts } from "./server-parts.ts";
import { createShortageWatch } from "./shortage-watch.ts";
import { createSubmitter } from "./submit-job.ts";
import { createSweeper } from "./sweep-server.ts";
import type { ComfyEvent } from "../../../comfy/connection/events.ts";
import { counted } from "../../../lib/words.ts";

/** Pause between two rounds of a worker that nobody wakes, ms. */
const ROUND_MS = 500;

export interface DrainWish {
  /** The server left the configuration: it ends once nothing is out. */
  readonly leaves: boolean;
  /** A person asked for it. */
  readonly wanted: boolean;
}

/** One server of a run: it is told what to do, and keeps its state to itself. */
export interface Server {
  /** Keeps the server fed until the run is over, or it left the configuration and nothing is out. `adopted`: out since an earlier run. */
  serve(adopted: readonly SubmittedJob[]): Promise<void>;
  isOf(client: ComfyClient): boolean;
  /** Asks the server anew with the client of the changed configuration. */
  renew(client: ComfyClient): void;
  drain(wish: DrainWish): void;
  hasLeft(): boolean;
  /** People keep new jobs from it. */
  isHeldByPeople(): boolean;
}

/**
 * Polling is the truth, the WebSocket a hint: a job is settled by its history entry only, and lost only when a reachable server has it
 * neither in queue nor in history.
 */
export function openServer(client: ComfyClient, run: GenerateRun): Server {
  const { url } = client;
  let wake: () => void = () => undefined;
  let wish: DrainWish = { leaves: false, wanted: false };

  const jobs = createJobsOut({
    url,
    rememberPromptId: (given) => run.rememberPromptId(given),
    onCount(count) {
      run.schedule.setInFlight(url, count);
      run.progress.setOut(url, count);
    },
  });
  const queue = createQueueWatch({ jobs, nowMs: () => run.clock.nowMs() });
  const contact = createContact({
    client,
    run,
    onEvent: (event) => onEvent(event),
    onOpen() {
      sweeper.soon(); // Messages sent without a connection are lost: look at history.
      wake();
    },
  });
  const parts = { url, contact, jobs, queue, run, fill, wake: () => wake() };
  const sweeper = createSweeper(parts);
  const submitter = createSubmitter(parts);
  const shortages = createShortageWatch(parts, () => setOpen());

  const isDraining = (): boolean => wish.leaves || wish.wanted;
  const setOpen = (): void => run.schedule.setOpen(url, !isDraining() && shortages.shortage() === null);

  function onEvent(event: ComfyEvent): void {
    if (event.type === "status") return queue.guess(event.queueRemaining, jobs.count());
    const out = event.promptId === null ? undefined : jobs.get(event.promptId);
    if (event.promptId === null || out === undefined) return;
    queue.moved();
    contact.stepped(out.job);
    // `executing` without a node comes after the history entry; execution_success comes before it, too early to read.
    const isRunOver =
      (event.type === "executing" && event.node === null) || event.type === "executionError" || event.type === "executionInterrupted";
    if (isRunOver) jobs.ended(out, run.clock.nowMs());
    if (isRunOver) run.inBackground(sweeper.settleById(event.promptId, fill), parts);
    else if (event.type === "progress") run.progress.step(url, event);
  }

  /** Takes jobs while there is room, and has those go on that waited for this server to take its share. */
  function fill(): void {
    if (run.isOver()) return;
    run.commits.together(() => {
      if (take()) for (const other of run.schedule.released()) run.fillers.get(other)?.();
    });
  }

  const mayTake = (): boolean =>
    !run.isOver() && !submitter.isExclusive() && !isDraining() && !contact.isUnusable() && run.servers.isUp(url) && contact.restMs() === 0;

  /** True if it took any. */
  function take(): boolean {
    let taken = false;
    for (let foreign = queue.foreignDepth(); foreign !== null && mayTake(); foreign = queue.foreignDepth()) {
      const { window } = run.config.generate;
      const isProbe = run.health.whyLatched(url) !== undefined;
      if (roomOf({ window, ours: jobs.count(), foreign, shortage: shortages.shortage(), isProbe }) === 0) {
        if (jobs.count() < window) run.schedule.full(url);
        return taken;
      }
      const next = run.schedule.next(url);
      if (next === null) return taken;
      const job = claim(next);
      if (job === null) continue; // Another process changed it meanwhile.
      if (jobs.count() === 0) queue.moved();
      const out = jobs.add(job, { sentId: job.promptId, state: "posting" });
      run.health.sent(url, job.variant);
      run.servers.loads(url, run.variants.get(job.variant).model);
      run.commits.afterCommit(() => run.inBackground(submitter.submit(out)));
      taken = true;
    }
    return taken;
  }

  /** Commits the intent: the row says which prompt_id goes to which server before anything is sent. */
  function claim(next: JobRow): SubmittedJob | null {
    const attempt = next.attempt + 1;
    const nowMs = run.clock.nowMs();
    const promptId = run.promptIdOf(next.job, attempt);
    if (!run.queries.markSubmitted(next.job, { attempt, promptId, server: url, nowMs })) return null;
    return { ...next, attempt, promptId, server: url, submittedAtMs: nowMs };
  }

  async function round(woken: Promise<void>): Promise<void> {
    contact.throwIfUnusable();
    const isUp = run.servers.isUp(url);
    if (!isUp && contact.restMs() > 0) return pause(run.clock, { delayMs: contact.restMs(), until: woken, signal: run.finished });
    if (!isUp || contact.isUnread()) {
      await contact.connect();
      queue.moved();
    }
    await sweeper.sweep();
    await watchForStall(parts);
    await shortages.look();
    fill();
    const restMs = contact.restMs();
    await pause(run.clock, { delayMs: restMs > 0 ? Math.min(restMs, ROUND_MS) : ROUND_MS, until: woken, signal: run.finished });
  }

  async function serve(adopted: readonly SubmittedJob[]): Promise<void> {
    for (const job of adopted) jobs.add(job, { sentId: run.promptIdOf(job.job, job.attempt), state: "unknown" });
    run.fillers.set(url, fill);
    try {
      while (!run.finished.aborted && !(wish.leaves && jobs.count() === 0)) {
        const woken = new Promise<void>((resolve) => (wake = resolve));
        try {
          await round(woken);
        } catch (error) {
          if (run.finished.aborted || (isAbort(error) && run.signal.aborted)) break;
          if (error instanceof FatalError) {
            run.servers.serverUnusable(url, error);
            return giveJobsAway(parts);
          }
          if (!(error instanceof TransientError)) throw error;
          contact.troubled(error);
          queue.lost();
          const patienceMs = run.config.generate.stall_timeout_s * 1_000;
          if (!wish.leaves && contact.answersBadlyForMs() >= patienceMs) giveToOthers(parts, error.message);
          else if (wish.leaves || run.servers.downForMs(url) >= patienceMs) giveJobsAway(parts);
        }
      }
    } finally {
      run.fillers.delete(url);
      contact.close();
    }
  }

  function drain(next: DrainWish): void {
    const before = { leaves: wish.leaves, draining: isDraining() };
    wish = next;
    if (next.leaves && !before.leaves)
      run.log.info(`${url} left the configuration: it gets no more jobs, and the ${jobs.count()} that are there are waited for`);
    const draining = isDraining();
    if (draining === before.draining) return;
    setOpen();
    if (!next.leaves) run.log.info(draining ? `${url} is drained: it gets no more jobs until it is resumed` : `${url} is resumed`);
    run.progress.setState(url, draining ? "drained" : run.servers.isUp(url) ? "up" : "not seen yet");
    wake();
  }

  return {
    serve,
    isOf: (other) => contact.isOf(other),
    renew(fresh) {
      contact.renew(fresh);
      run.servers.serverRenewed(url);
      wake();
    },
    drain,
    hasLeft: () => wish.leaves,
    isHeldByPeople: () => isDraining() && !wish.leaves,
  };
}

/** A server that cannot be asked for too long loses its jobs to the others. They may run twice then: counted as ambiguous. */
function giveJobsAway({ jobs, run }: Pick<ServerParts<"jobs">, "jobs" | "run">): void {
  for (const out of jobs.all()) {
    jobs.takeOff(out);
    run.jobs.planAgain(out.job, "ambiguous_submissions");
  }
}

/**
 * A server that answers, and about our jobs only badly, is left alone, and loses them to the others. Where there is no other one they stay:
 * made again there they would end likewise.
 */
function giveToOthers(
  { url, jobs, run }: Pick<ServerParts<"config" | "health" | "jobs" | "latch" | "log" | "servers">, "url" | "jobs" | "run">,
  why: string,
): void {
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
 * nobody else's prompt running. What waits there is taken out of its queue and goes elsewhere. A job that left the queue is the sweeper's.
 */
async function watchForStall({
  url,
  contact,
  jobs,
  queue,
  run,
}: ServerParts<"config" | "jobs" | "latch" | "log" | "signal">): Promise<void> {
  const accepted = jobs.all().filter(({ state, missingSinceMs }) => state === "sent" && missingSinceMs === null);
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
