import type { Context } from "../../context.ts";
import { addToCounter, type CounterName } from "../../db/queries/jobs/counters.ts";
import type { FailureQueries, JobFailure } from "../../db/queries/jobs/failures.ts";
import type { JobQueries, ListedImage, SubmittedJob } from "../../db/queries/jobs/jobs.ts";
import type { RejectReason } from "../../errors.ts";
import { backoffMs, WAITS } from "../../lib/retry.ts";
import type { LastProgress } from "../last-progress.ts";
import type { Health } from "./health/health.ts";
import type { GenerateProgress } from "./progress.ts";
import type { Schedule } from "./schedule.ts";
import type { ServerBook } from "./server/server-book.ts";
import type { Act } from "./health/verdicts.ts";

export interface JobBookNeeds extends Pick<Context, "config" | "db" | "log" | "clock"> {
  readonly jobs: JobQueries;
  readonly failures: FailureQueries;
  readonly schedule: Schedule;
  readonly health: Health;
  readonly progress: GenerateProgress;
  readonly servers: Pick<ServerBook, "serverRecovered" | "refusals">;
  readonly lastProgress: Pick<LastProgress, "hindered">;
  readonly unjudged: UnjudgedSubmissions;
  readonly act: Act;
  /** A variant made its first image ever. */
  readonly worked: (variant: string) => void;
  readonly changed: () => void;
}

export type JobBook = ReturnType<typeof jobBook>;

/** Records how jobs end: in the database, for the schedule, for the blame, and on the screen. */
export function jobBook(needs: JobBookNeeds) {
  const { config, db, log, clock, jobs, failures, schedule, health, progress, lastProgress, unjudged, act, changed } = needs;
  /** Keyed by server: the variants that its nodes did not take at its last contact. */
  const barred = new Map<string, ReadonlySet<string>>();
  const fieldsOf = (job: SubmittedJob) => ({ prompt_id: job.promptId, job: job.job, server: job.server });

  function fail(job: SubmittedJob, reason: RejectReason, detail: string): void {
    health.returned(job.server, job.variant);
    if (!jobs.fail(job, reason, { detail, nowMs: clock.nowMs() })) return;
    forget(job);
    progress.failed(1);
    log.event("failed", { ...fieldsOf(job), reason, detail });
    changed();
  }

  function forget({ job }: SubmittedJob): void {
    schedule.forget(job);
    unjudged.forget(job);
  }

  function planAgain(job: SubmittedJob, counter?: CounterName): void {
    health.returned(job.server, job.variant);
    if (!jobs.planAgain(job)) return;
    schedule.moreWork();
    if (counter !== undefined) {
      addToCounter(db, counter, 1);
      log.event(counter, fieldsOf(job));
    }
    changed();
  }

  /** Has the job wait before it is sent again, longer each time, so that the others go first. */
  const defer = ({ job }: SubmittedJob, triesBefore: number): void =>
    schedule.defer(job, clock.nowMs() + backoffMs(triesBefore, WAITS.image));

  function erred(job: SubmittedJob, { reason, detail }: Pick<JobFailure, "reason" | "detail">): boolean {
    const isLast = job.failures + 1 >= config.generate.max_attempts;
    const { state, isCondemned, verdicts } = health.failed(job, { final: isLast });
    const { job: id, promptKey, variant, server, attempt } = job;
    const final = isLast && state !== "forgiven";
    failures.record({ job: id, promptKey, variant, server, attempt, reason, detail }, { state, final, nowMs: clock.nowMs() });
    if (isCondemned) failures.countJob(id);
    if (final) {
      forget(job);
      progress.failed(1);
      // Others fail likewise: told without the job, so that the same cause is one line.
      if (reason === "submit-refused") log.warn(`A job failed (${reason}): ${detail}`);
    } else if (reason === "submit-refused") defer(job, job.failures);
    lastProgress.hindered(server, detail);
    log.event(final ? "failed" : "erred", { ...fieldsOf(job), reason, detail });
    act(verdicts.map((verdict) => (verdict.kind === "quarantine" ? { ...verdict, why: `${verdict.why}. The last: ${detail}` } : verdict)));
    schedule.moreWork();
    changed();
    return final;
  }

  return {
    /** Plans the job again; nothing counts against it. */
    planAgain,
    /**
     * The job was not taken, and nothing was said of it: it is sent again later. A job that gets no verdict again and again where others
     * are taken is to blame for it. True if it failed for good.
     */
    withoutVerdict(job: SubmittedJob, detail: string, counter?: CounterName): boolean {
      if (unjudged.isJobsFault(job.job, job.server)) {
        schedule.avoid(job.job, job.server);
        return erred(job, { reason: "submit-refused", detail });
      }
      defer(job, unjudged.countOf(job.job) - 1);
      planAgain(job, counter);
      return false;
    },
    /** The job fails whoever runs it: its own values were refused, or the run had no image. */
    fail,
    /** The server refused the job's workflow. Other servers may take it; where none is left, the variant is set aside. */
    refused(job: SubmittedJob, why: string): void {
      const reason = `${job.server} refused the workflow of variant "${job.variant}": ${why}`;
      needs.servers.refusals.set(job.server, `refused the workflow of variant "${job.variant}": ${why}`);
      const isLast = schedule.refuse(job.variant, job.server);
      if (isLast && (health.hasWorked(job.variant) || schedule.wasTaken(job.variant))) {
        // It has been good enough before: one answer is not enough to set it aside.
        schedule.offerAgain(job.variant, job.server);
        schedule.avoid(job.job, job.server);
        return void erred(job, { reason: "submit-refused", detail: reason });
      }
      if (isLast) {
        fail(job, "validation", reason);
        act([{ kind: "quarantine", variant: job.variant, why: `${reason}. No server is left for it` }]);
        return;
      }
      jobs.planAgain(job);
      health.returned(job.server, job.variant);
      schedule.moreWork();
      log.warn(`${reason}. Its jobs go to other servers`);
      changed();
    },
    /** Records what a server's nodes do not take, by variant. It is known at the contact, before any job is sent there. */
    barred(server: string, refusals: ReadonlyMap<string, string>): void {
      for (const variant of barred.get(server) ?? []) if (!refusals.has(variant)) schedule.offerAgain(variant, server);
      barred.set(server, new Set(refusals.keys()));
      for (const [variant, why] of refusals) {
        if (schedule.isRefused(variant, server)) continue;
        needs.servers.refusals.set(server, `does not take variant "${variant}": ${why}`);
        const reason = `${server} gets no jobs of variant "${variant}": ${why}`;
        if (schedule.refuse(variant, server)) act([{ kind: "quarantine", variant, why: `${reason}. No server is left for it` }]);
        else log.warn(reason);
      }
      if (refusals.size > 0) changed();
    },
    /** A server failed at the job: who is to blame is for `health` to say. True if the job failed for good. */
    erred,
    /** The job ran: its images wait for harvest. */
    done(job: SubmittedJob, images: readonly ListedImage[]): void {
      if (!jobs.settleDone(job, images, clock.nowMs())) return health.returned(job.server, job.variant);
      const { clears, recovered, isNew, verdicts } = health.succeeded(job);
      if (clears) failures.countOpen(job.server, job.variant);
      if (isNew) needs.worked(job.variant);
      if (recovered) {
        needs.servers.serverRecovered(job.server);
        schedule.look();
      }
      forget(job);
      progress.done(job.server);
      log.event("generated", fieldsOf(job));
      act(verdicts);
      changed();
    },
  };
}

/** So many submissions of one job without a verdict are needed to blame it, ambiguous as each of them is. */
const BLAMED_FROM = 4;

interface Unjudged {
  count: number;
  /** Prompts that the server had taken at the first of them. */
  readonly takenBefore: number;
}

export type UnjudgedSubmissions = ReturnType<typeof createUnjudgedSubmissions>;

/**
 * Submissions that were cut off, or answered with "not now": each of them says nothing of the job. A job that a server answers so again and
 * again, and takes others meanwhile, is to blame all the same: a firewall that resets connections, a handler that kills its proxy.
 */
export function createUnjudgedSubmissions() {
  const taken = new Map<string, number>();
  const byJob = new Map<string, Map<string, Unjudged>>();

  return {
    /** The server took a prompt. */
    taken: (server: string): void => void taken.set(server, (taken.get(server) ?? 0) + 1),
    /** Counts one more without a verdict. True if it is the job's own fault by now. */
    isJobsFault(job: string, server: string): boolean {
      const servers = byJob.get(job) ?? new Map<string, Unjudged>();
      byJob.set(job, servers);
      const unjudged = servers.get(server) ?? { count: 0, takenBefore: taken.get(server) ?? 0 };
      servers.set(server, unjudged);
      unjudged.count++;
      return unjudged.count >= BLAMED_FROM && (taken.get(server) ?? 0) > unjudged.takenBefore;
    },
    /** Number of times that the job was sent in vain to any server. */
    countOf: (job: string): number => [...(byJob.get(job)?.values() ?? [])].reduce((sum, { count }) => sum + count, 0),
    /** The job is settled: nothing of it stays in memory. */
    forget: (job: string): void => void byJob.delete(job),
  };
}
