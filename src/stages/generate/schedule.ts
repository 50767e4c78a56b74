import type { JobQueries, JobRow } from "../../db/queries/jobs.ts";

/** Planned jobs looked at per query. */
const PAGE_SIZE = 64;

export interface ScheduleOptions {
  readonly jobs: Pick<JobQueries, "planned">;
  /** Jobs out at one server. 2 keeps a GPU busy: one runs, one waits, and at most two are lost with the server. */
  readonly window: number;
  /** Every server of the configuration. */
  readonly servers: readonly string[];
}

/**
 * Which job goes to which server next. Pull, not push: a server with room asks. All servers get one job before any gets two,
 * so that few jobs spread over all GPUs; jobs go in planning order, which keeps a prompt's seeds and a checkpoint together.
 */
export type Schedule = ReturnType<typeof createSchedule>;

export function createSchedule({ jobs, window, servers }: ScheduleOptions) {
  /** Servers that answer, with their jobs out. */
  const inFlight = new Map<string, number>();
  /** Servers that answer, or of which nothing is known yet. */
  const expected = new Set(servers);
  /** Servers that found nothing to take: they do not hold the others at one job. */
  const sated = new Set<string>();
  /** By job: where it failed. */
  const avoided = new Map<string, Set<string>>();
  /** By job: the server that shall try it once more. */
  const pinned = new Map<string, string>();
  /** By variant: the servers that refused its workflow. */
  const refused = new Map<string, Set<string>>();

  const othersAllow = (url: string): boolean => {
    const mine = inFlight.get(url) ?? 0;
    return mine === 0 || [...inFlight].every(([other, count]) => other === url || sated.has(other) || count >= mine);
  };

  const suits = (job: JobRow, url: string): boolean => {
    if (refused.get(job.variant)?.has(url) === true) return false;
    const pin = pinned.get(job.job);
    if (pin !== undefined && pin !== url && inFlight.has(pin)) return false;
    const failedAt = avoided.get(job.job);
    if (failedAt?.has(url) !== true) return true;
    // Where it failed is better than nowhere: max_attempts ends it.
    return [...inFlight.keys()].every((other) => failedAt.has(other) || refused.get(job.variant)?.has(other) === true);
  };

  return {
    serverUp: (url: string): void => {
      inFlight.set(url, inFlight.get(url) ?? 0);
      expected.add(url);
    },
    serverDown: (url: string): void => {
      inFlight.delete(url);
      expected.delete(url);
      sated.delete(url);
    },
    /** New planned jobs may exist: sated servers are hungry again. */
    moreWork: (): void => sated.clear(),
    /** The next job for a server, null if it has its share or nothing suits. The caller marks it submitted before asking again. */
    next(url: string): JobRow | null {
      if (!inFlight.has(url) || (inFlight.get(url) ?? 0) >= window || !othersAllow(url)) return null;
      let page = jobs.planned(null, PAGE_SIZE);
      while (page.length > 0) {
        const found = page.find((job) => suits(job, url));
        if (found !== undefined) return found;
        page = jobs.planned(page.at(-1) ?? null, PAGE_SIZE);
      }
      sated.add(url);
      return null;
    },
    /** The server's jobs out, as its worker counts them. */
    setInFlight: (url: string, count: number): void => {
      if (inFlight.has(url)) inFlight.set(url, count);
    },
    avoid(job: string, url: string): void {
      pinned.delete(job);
      avoided.set(job, (avoided.get(job) ?? new Set()).add(url));
    },
    pin: (job: string, url: string): void => void pinned.set(job, url),
    isPinned: (job: string): boolean => pinned.has(job),
    /** The job is settled: nothing of it stays in memory. */
    forget(job: string): void {
      pinned.delete(job);
      avoided.delete(job);
    },
    /** Notes that a server refused the variant's workflow. True if no server is left that could take it. */
    refuse(variant: string, url: string): boolean {
      const refusers = (refused.get(variant) ?? new Set()).add(url);
      refused.set(variant, refusers);
      return [...expected].every((other) => refusers.has(other));
    },
    upCount: (): number => inFlight.size,
    totalInFlight: (): number => [...inFlight.values()].reduce((sum, count) => sum + count, 0),
  };
}
