import { randomUUID } from "node:crypto";
import type { Place } from "../../comfy/graph.ts";
import type { Submission } from "../../comfy/submit.ts";
import type { SystemStats } from "../../comfy/system-stats.ts";
import type { ComfyEvent } from "../../comfy/event.ts";
import type { Context } from "../../context.ts";
import { addToCounter, type CounterName } from "../../db/queries/counters.ts";
import { jobQueries, type JobCounts, type JobQueries, type JobRow, type SubmittedJob } from "../../db/queries/jobs.ts";
import { findServer, rememberServer } from "../../db/queries/servers.ts";
import { isAbort, TransientError, type FatalError } from "../../errors.ts";
import { promptIdOf } from "../../identity.ts";
import { createSchedule, type Schedule } from "./schedule.ts";
import type { ServerState } from "./server-worker.ts";
import { variantCache, type ReadyVariant } from "./variant-cache.ts";

export type GenerateNeeds = Pick<Context, "config" | "db" | "comfy" | "clock" | "log" | "stopping" | "signal">;

/** Between two looks for new planned jobs while a server has nothing to do, ms. */
const IDLE_POLL_MS = 500;

/** What the workers of one run of generate share. */
export interface GenerateRun extends Omit<GenerateNeeds, "db" | "comfy"> {
  readonly jobs: JobQueries;
  readonly schedule: Schedule;
  /** Fires when every worker shall end. */
  readonly finished: AbortSignal;
  readonly fallbackClientId: string;
  readonly idlePollMs: number;
  /** True once no new job may be taken. */
  isOver(): boolean;
  isUp(url: string): boolean;
  serverUp(url: string, stats: SystemStats): void;
  serverDown(url: string, why: string): void;
  /** Trying again cannot help before a person acts: credentials. The other servers go on; where none is left, the run ends. */
  serverUnusable(url: string, error: FatalError): void;
  /** Why servers do not answer, by URL. */
  readonly downReasons: ReadonlyMap<string, string>;
  connectionOf(url: string): { readonly url: string; readonly headers: Readonly<Record<string, string>>; readonly caFile: string | null };
  promptIdOf(job: string, attempt: number): string;
  variantOf(variant: string): ReadyVariant;
  renderJob(job: JobRow): Pick<Submission, "prompt" | "extraData">;
  /** The inputs that the job fills with values of its own. */
  placesOf(job: JobRow): readonly Place[];
  /** The highest `number` that the server gave a prompt of ours since it started; -1 where none is known. */
  lastNumberOf(url: string): number;
  /**
   * Records the `number` of an accepted prompt. True if it is not above `before`, the last number known when the prompt was sent: the
   * server restarted. (Not the last one now: answers of prompts sent together may overtake each other.)
   */
  noteNumber(url: string, number: number, before: number): boolean;
  /** The job may be running at a server that cannot be asked: it is planned again, and may run twice. */
  ambiguous(job: SubmittedJob): void;
  /** The server has the job neither in queue nor in history. */
  lost(job: SubmittedJob): void;
  /** The server refused the job's workflow. */
  refused(job: SubmittedJob, refusal: { readonly url: string; readonly why: string }): void;
  settled(job: SubmittedJob, state: "done" | "failed"): void;
  backToPlan(job: SubmittedJob): void;
  countOut(server: ServerState): void;
  progressed(url: string, event: ComfyEvent & { readonly type: "progress" }): void;
  /** Follows a promise that nobody awaits: a TransientError is left to the next sweep, anything else ends the run. */
  inBackground(work: Promise<unknown>): void;
}

export interface RunOptions {
  readonly datasetId: string;
  readonly finished: AbortSignal;
  /** Ends the run with an error. */
  fail(error: unknown): void;
  /** Told after every change that may end the run. */
  changed(): void;
}

export function createRun(needs: GenerateNeeds, options: RunOptions): GenerateRun {
  const { config, db, clock, log, stopping, signal } = needs;
  const jobs = jobQueries(db);
  const schedule = createSchedule({ jobs, window: config.generate.window, servers: [...needs.comfy.keys()] });
  const variants = variantCache(needs);
  const up = new Set<string>();
  const downReasons = new Map<string, string>();
  const unusable = new Set<string>();
  const lastNumbers = new Map<string, number>();
  const counts: { -readonly [State in keyof JobCounts]: number } = jobs.counts();
  const total = counts.planned + counts.submitted + counts.done + counts.failed;
  let stepNote = "";

  const show = (): void => {
    const servers = `${up.size} of ${needs.comfy.size} servers, ${schedule.totalInFlight()} out`;
    log.progress("generate", {
      done: counts.done,
      total,
      failed: counts.failed,
      note: stepNote === "" ? servers : `${servers}, ${stepNote}`,
    });
    options.changed();
  };
  const planAgain = (job: SubmittedJob, counter: CounterName): void => {
    jobs.planAgain(job.job, { failure: false });
    addToCounter(db, counter, 1);
    schedule.moreWork();
    log.event(counter, { prompt_id: job.promptId, job: job.job, server: job.server });
    show();
  };

  return {
    ...needs,
    jobs,
    schedule,
    finished: options.finished,
    fallbackClientId: randomUUID(),
    idlePollMs: IDLE_POLL_MS,
    isOver: () => stopping.aborted || options.finished.aborted,
    isUp: (url) => up.has(url),
    downReasons,
    serverUp(url, stats) {
      up.add(url);
      downReasons.delete(url);
      schedule.serverUp(url);
      lastNumbers.set(url, lastNumbers.get(url) ?? findServer(db, url)?.lastNumber ?? -1);
      rememberServer(db, url, {
        state: "up",
        detail: stats.version,
        withoutMetadata: stats.withoutMetadata ? 1 : 0,
        seenAtMs: clock.nowMs(),
      });
      log.info(`${url} is up: ComfyUI ${stats.version}`);
      show();
    },
    serverUnusable(url, error) {
      this.serverDown(url, error.message);
      unusable.add(url);
      if (unusable.size === needs.comfy.size) options.fail(error);
    },
    serverDown(url, why) {
      downReasons.set(url, why);
      if (up.delete(url)) log.warn(`${url} does not answer: ${why}. Trying again until it does`);
      else log.debug(`${url} still does not answer: ${why}`);
      schedule.serverDown(url);
      schedule.moreWork();
      rememberServer(db, url, { state: "down", detail: why });
      show();
    },
    connectionOf(url) {
      const server = config.servers.find((candidate) => needs.comfy.get(candidate.url)?.url === url);
      return { url, headers: server?.headers ?? {}, caFile: server?.ca_file ?? null };
    },
    promptIdOf: (job, attempt) => promptIdOf(options.datasetId, job, attempt),
    variantOf: (variant) => variants.get(variant),
    renderJob: (job) => variants.render(job),
    placesOf: (job) => variants.placesOf(job),
    lastNumberOf: (url) => lastNumbers.get(url) ?? -1,
    noteNumber(url, number, before) {
      const restarted = number <= before && before === (lastNumbers.get(url) ?? -1);
      const last = restarted ? number : Math.max(number, lastNumbers.get(url) ?? -1);
      if (last !== lastNumbers.get(url)) rememberServer(db, url, { lastNumber: last });
      lastNumbers.set(url, last);
      if (restarted) {
        addToCounter(db, "server_restarts", 1);
        log.warn(`${url} restarted: its prompts count from 0 again. Its jobs are asked for and planned again where they are lost`);
      }
      return restarted;
    },
    ambiguous: (job) => planAgain(job, "ambiguous_submissions"),
    lost: (job) => planAgain(job, "lost_jobs"),
    refused(job, { url, why }) {
      const reason = `${url} refused the workflow of variant "${job.variant}": ${why}`;
      if (schedule.refuse(job.variant, url)) {
        jobs.fail(job.job, "validation", { detail: reason, nowMs: clock.nowMs() });
        const others = jobs.quarantine(job.variant, reason, clock.nowMs());
        counts.failed += 1 + others;
        schedule.forget(job.job);
        log.error(`${reason}. No server is left for it: the variant is set aside with ${others + 1} jobs`);
      } else {
        jobs.planAgain(job.job, { failure: false });
        log.warn(`${reason}. Its jobs go to other servers`);
      }
      schedule.moreWork();
      show();
    },
    settled(job, state) {
      counts[state]++;
      schedule.forget(job.job);
      log.event(state === "done" ? "generated" : "failed", { prompt_id: job.promptId, job: job.job, server: job.server });
      show();
    },
    backToPlan() {
      schedule.moreWork();
      show();
    },
    countOut(server) {
      schedule.setInFlight(server.client.url, server.out.size);
      show();
    },
    progressed(url, { value, max }) {
      stepNote = `step ${value}/${max} at ${url}`;
    },
    inBackground(work) {
      work.catch((error: unknown) => {
        const leftToTheSweep = error instanceof TransientError || (isAbort(error) && (signal.aborted || options.finished.aborted));
        if (!leftToTheSweep) options.fail(error);
      });
    },
  };
}
