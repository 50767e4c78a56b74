import type { JobQueries, JobRow } from "../../db/queries/jobs/jobs.ts";
import { chooseJob, type Habit } from "./choose-job.ts";
import { createJobPool } from "./job-pool.ts";

export interface ScheduleOptions {
  readonly jobs: Pick<JobQueries, "planned">;
  /** Prompts per block; pairs of a block are complete before the next one starts. */
  readonly blockPrompts: number;
  /** What a job's workflow loads: jobs of one signature need the same models. */
  readonly signatureOf: (variant: string) => string;
  /** Every server of the configuration. */
  readonly servers: readonly string[];
  /** Whether a server may be given jobs of a variant. */
  readonly permits: (url: string, variant: string) => boolean;
  readonly nowMs: () => number;
}

/**
 * Which job goes to which server next. Pull, not push: a server with room asks. All servers get one job before any gets two, so that few
 * jobs spread over all GPUs. A server stays with its block, its loaded models and its prompt as long as it can.
 */
export type Schedule = ReturnType<typeof createSchedule>;

export function createSchedule({ jobs, blockPrompts, signatureOf, servers, permits, nowMs }: ScheduleOptions) {
  const blockOf = (job: JobRow): number => Math.floor(job.promptPosition / blockPrompts);
  const pool = createJobPool({ jobs, blockOf });
  /** Servers that answer. */
  const up = new Set<string>();
  /** Jobs out by server: one that does not answer now may still run what it has. */
  const inFlight = new Map<string, number>();
  /** Servers of the configuration, also those that do not answer now: they may be back. */
  const expected = new Set(servers);
  /** Servers that take nothing new, whatever it is: drained, short of memory. */
  const closed = new Set<string>();
  /** Servers that found nothing to take, or have no room: they do not hold the others at one job. */
  const sated = new Set<string>();
  /** By job: where it failed. */
  const avoided = new Map<string, Set<string>>();
  /** By job: the server that shall try it once more. */
  const pinned = new Map<string, string>();
  /** By job: when it may be sent again, ms since the epoch. */
  const deferred = new Map<string, number>();
  /** By variant: the servers that refused its workflow. */
  const refused = new Map<string, Set<string>>();
  /** By variant: the servers that took its workflow in this run. */
  const takers = new Map<string, Set<string>>();
  /** Servers that would take more once the others have their share. */
  let held = new Set<string>();
  const habits = new Map<string, Habit>();

  const othersAllow = (url: string): boolean => {
    const mine = inFlight.get(url) ?? 0;
    return mine === 0 || [...up].every((other) => other === url || sated.has(other) || (inFlight.get(other) ?? 0) >= mine);
  };

  const mayTake = (variant: string, url: string): boolean =>
    up.has(url) && !closed.has(url) && refused.get(variant)?.has(url) !== true && permits(url, variant);

  const suits = (job: JobRow, url: string): boolean => {
    if (!mayTake(job.variant, url) || (deferred.get(job.job) ?? 0) > nowMs()) return false;
    const pin = pinned.get(job.job);
    if (pin !== undefined && pin !== url && mayTake(job.variant, pin)) return false;
    const failedAt = avoided.get(job.job);
    if (failedAt?.has(url) !== true) return true;
    // Where it failed is better than nowhere: max_attempts ends it.
    return [...up].every((other) => failedAt.has(other) || !mayTake(job.variant, other));
  };

  const isRefusedEverywhere = (variant: string): boolean => [...expected].every((url) => refused.get(variant)?.has(url) === true);

  const choose = (url: string): JobRow | undefined => {
    const others = [...habits].filter(([other]) => other !== url && (inFlight.get(other) ?? 0) > 0).map(([, habit]) => habit);
    return chooseJob(pool.choices(), { blockOf, signatureOf, suits: (job) => suits(job, url), own: habits.get(url), others });
  };

  return {
    serverUp: (url: string): void => {
      up.add(url);
      expected.add(url);
    },
    serverDown: (url: string): void => {
      up.delete(url);
      sated.delete(url);
    },
    /** The server left the configuration. Answers the variants that no server is left for. */
    serverGone: (url: string): readonly string[] => {
      up.delete(url);
      inFlight.delete(url);
      expected.delete(url);
      sated.delete(url);
      closed.delete(url);
      return [...refused.keys()].filter(isRefusedEverywhere);
    },
    /** Whether the server takes anything new. */
    setOpen: (url: string, isOpen: boolean): void => {
      if (isOpen) closed.delete(url);
      else closed.add(url);
    },
    /** Whether the server may be given jobs of the variant now. */
    mayTake,
    /** True if there is a planned job that the server may be given now. */
    hasFor(url: string): boolean {
      while (!pool.choices().some((job) => suits(job, url))) if (!pool.more()) return false;
      return true;
    },
    /** Jobs were planned again: sated servers are hungry, and the plan is read from its start. */
    moreWork: (): void => {
      sated.clear();
      pool.reset();
    },
    /** Another process may have planned jobs, or time may have changed what servers may take. */
    look: (): void => {
      sated.clear();
      if (pool.isExhausted()) pool.reset();
    },
    /** The server has no room now: the others need not wait for it. */
    full: (url: string): void => void sated.add(url),
    /** The next job for a server, null if it has its share or nothing suits. The caller marks it submitted before asking again. */
    next(url: string): JobRow | null {
      if (!up.has(url)) return null;
      if (!othersAllow(url)) {
        held.add(url);
        return null;
      }
      let found = choose(url);
      while (found === undefined && pool.more()) found = choose(url);
      if (found === undefined) {
        sated.add(url);
        return null;
      }
      pool.remove(found.job);
      habits.set(url, { signature: signatureOf(found.variant), promptKey: found.promptKey });
      return found;
    },
    /** The servers that were held back until now: they may ask again. */
    released(): ReadonlySet<string> {
      const released = held;
      held = new Set();
      return released;
    },
    /** The server's jobs out, as its worker counts them. */
    setInFlight: (url: string, count: number): void => void inFlight.set(url, count),
    avoid(job: string, url: string): void {
      pinned.delete(job);
      avoided.set(job, (avoided.get(job) ?? new Set()).add(url));
    },
    pin: (job: string, url: string): void => void pinned.set(job, url),
    isPinned: (job: string): boolean => pinned.has(job),
    /** The job is not sent before that time, ms since the epoch. */
    defer: (job: string, untilMs: number): void => void deferred.set(job, untilMs),
    /** The job is settled: nothing of it stays in memory. */
    forget(job: string): void {
      deferred.delete(job);
      pinned.delete(job);
      avoided.delete(job);
    },
    /** Notes that a server refused the variant's workflow. True if no server of the configuration is left that could take it. */
    refuse(variant: string, url: string): boolean {
      const refusers = (refused.get(variant) ?? new Set()).add(url);
      refused.set(variant, refusers);
      return isRefusedEverywhere(variant);
    },
    isRefused: (variant: string, url: string): boolean => refused.get(variant)?.has(url) === true,
    /** What the server refused is offered to it again: it came back with other nodes, or the refusal was none of the variant. */
    offerAgain: (variant: string, url: string): void => void refused.get(variant)?.delete(url),
    /** The server took a job of the variant. */
    taken: (variant: string, url: string): void => void takers.set(variant, (takers.get(variant) ?? new Set()).add(url)),
    hasTaken: (variant: string, url: string): boolean => takers.get(variant)?.has(url) === true,
    /** Any server took a job of the variant in this run. */
    wasTaken: (variant: string): boolean => takers.has(variant),
    /** Jobs out at the servers that `counts` takes. */
    totalInFlight: (counts: (url: string) => boolean): number =>
      [...inFlight].reduce((sum, [url, count]) => (counts(url) ? sum + count : sum), 0),
  };
}
