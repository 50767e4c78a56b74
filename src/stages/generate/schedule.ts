import type { JobQueries, JobRow } from "../../db/queries/jobs/jobs.ts";

export interface ScheduleOptions {
  readonly jobs: Pick<JobQueries, "planned">;
  /** Prompts per block; pairs of a block are complete before the next one starts. */
  readonly blockPrompts: number;
  /** Returns the models that a job's workflow loads. Jobs of one signature need the same. */
  readonly signatureOf: (variant: string) => string;
  /** Every server of the configuration. */
  readonly servers: readonly string[];
  /** True if a server may be given jobs of a variant. */
  readonly permits: (url: string, variant: string) => boolean;
  readonly nowMs: () => number;
}

/**
 * Chooses the next job of each server. Pull, not push: a server with room asks. All servers get one job before any gets two, so that few
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
  const satisfied = new Set<string>();
  /** Keyed by job: the servers where it failed. */
  const avoided = new Map<string, Set<string>>();
  /** Keyed by job: the server that is to try it once more. */
  const pinned = new Map<string, string>();
  /** Keyed by job: the time from which it may be sent again, ms since the epoch. */
  const deferred = new Map<string, number>();
  /** Keyed by variant: the servers that refused its workflow. */
  const refused = new Map<string, Set<string>>();
  /** Keyed by variant: the servers that accepted its workflow in this run. */
  const takers = new Map<string, Set<string>>();
  /** Servers that would take more once the others have their share. */
  let waitingForShare = new Set<string>();
  const habits = new Map<string, Habit>();

  const othersAllow = (url: string): boolean => {
    const mine = inFlight.get(url) ?? 0;
    return mine === 0 || [...up].every((other) => other === url || satisfied.has(other) || (inFlight.get(other) ?? 0) >= mine);
  };

  const mayTake = (variant: string, url: string): boolean =>
    up.has(url) && !closed.has(url) && refused.get(variant)?.has(url) !== true && permits(url, variant);

  const suits = (job: JobRow, url: string): boolean => {
    if (!mayTake(job.variant, url) || (deferred.get(job.job) ?? 0) > nowMs()) return false;
    const pin = pinned.get(job.job);
    if (pin !== undefined && pin !== url && mayTake(job.variant, pin)) return false;
    const failedAt = avoided.get(job.job);
    if (failedAt?.has(url) !== true) return true;
    // A server where it failed is better than none: max_attempts ends it.
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
      satisfied.delete(url);
    },
    /** The server left the configuration. Answers the variants that no server is left for. */
    serverGone: (url: string): readonly string[] => {
      up.delete(url);
      inFlight.delete(url);
      expected.delete(url);
      satisfied.delete(url);
      closed.delete(url);
      return [...refused.keys()].filter(isRefusedEverywhere);
    },
    /** True if the server takes anything new. */
    setOpen: (url: string, isOpen: boolean): void => {
      if (isOpen) closed.delete(url);
      else closed.add(url);
    },
    /** True if the server may be given jobs of the variant now. */
    mayTake,
    /** True if there is a planned job that the server may be given now. */
    hasFor(url: string): boolean {
      while (!pool.choices().some((job) => suits(job, url))) if (!pool.more()) return false;
      return true;
    },
    /** Jobs were planned again: every server may compete again, and the plan is read from its start. */
    moreWork: (): void => {
      satisfied.clear();
      pool.reset();
    },
    /** Another process may have planned jobs, or time may have changed what servers may take. */
    look: (): void => {
      satisfied.clear();
      if (pool.isExhausted()) pool.reset();
    },
    /** The server has no room now: the others need not wait for it. */
    full: (url: string): void => void satisfied.add(url),
    /** The next job for a server, null if it has its share or nothing suits. The caller marks it submitted before asking again. */
    next(url: string): JobRow | null {
      if (!up.has(url)) return null;
      if (!othersAllow(url)) {
        waitingForShare.add(url);
        return null;
      }
      let found = choose(url);
      while (found === undefined && pool.more()) found = choose(url);
      if (found === undefined) {
        satisfied.add(url);
        return null;
      }
      pool.remove(found.job);
      habits.set(url, { signature: signatureOf(found.variant), promptKey: found.promptKey });
      return found;
    },
    /** The servers that were held back until now: they may ask again. */
    released(): ReadonlySet<string> {
      const released = waitingForShare;
      waitingForShare = new Set();
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
    /** Offers the server again what it refused: it came back with other nodes, or the refusal was not about the variant. */
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

/** The last work of a server. */
interface Habit {
  /** The models that its workflow loads. */
  readonly signature: string;
  readonly promptKey: string;
}

interface Chooser {
  readonly blockOf: (job: JobRow) => number;
  readonly signatureOf: (variant: string) => string;
  readonly suits: (job: JobRow) => boolean;
  readonly own: Habit | undefined;
  /** The last work of each server that has jobs. */
  readonly others: readonly Habit[];
}

/**
 * Chooses from the first block that has a job for the server: a job of its prompt, then of its models, then of models that nobody else
 * works on, then any.
 */
function chooseJob(choices: readonly JobRow[], { blockOf, signatureOf, suits, own, others }: Chooser): JobRow | undefined {
  const first = choices.find(suits);
  if (first === undefined) return undefined;
  const block = blockOf(first);
  const theirPrompts = new Set(others.map(({ promptKey }) => promptKey));
  const theirSignatures = new Set(others.map(({ signature }) => signature));
  const rankOf = (job: JobRow): number => {
    const signature = signatureOf(job.variant);
    if (signature === own?.signature && job.promptKey === own.promptKey) return 0;
    const models = signature === own?.signature ? 1 : theirSignatures.has(signature) ? 5 : 3;
    return models + (theirPrompts.has(job.promptKey) ? 1 : 0);
  };
  let best: { readonly job: JobRow; readonly rank: number } | undefined;
  for (const job of choices) {
    if (best?.rank === 0) break;
    if (blockOf(job) !== block) continue;
    const rank = rankOf(job);
    if ((best === undefined || rank < best.rank) && suits(job)) best = { job, rank };
  }
  return best?.job;
}

/** Planned jobs read per query. */
const PAGE = 256;
/** Held in memory at the most: a block of 64 prompts of any usual size, and a bound for the unusual. */
const LOADED_MAX = 4_096;

interface JobPoolOptions {
  readonly jobs: Pick<JobQueries, "planned">;
  readonly blockOf: (job: JobRow) => number;
}

/**
 * Holds the next planned jobs in planning order, at least the whole first block, for servers to choose from. It reads each job once, so a
 * job costs the same whatever the length of the plan.
 */
function createJobPool({ jobs, blockOf }: JobPoolOptions) {
  let loaded: JobRow[] = [];
  let cursor: JobRow | null = null;
  let isAtEnd = false;

  function readOn(): void {
    const page = jobs.planned(cursor, PAGE);
    const known = new Set(loaded.map((job) => job.job));
    loaded.push(...page.filter((job) => !known.has(job.job)));
    cursor = page.at(-1) ?? cursor;
    isAtEnd = page.length < PAGE;
  }

  return {
    /** Jobs to choose from; more than the first block where `isEnough` says no. */
    choices(): readonly JobRow[] {
      for (;;) {
        const [first] = loaded;
        const last = loaded.at(-1);
        const blockIsWhole = first !== undefined && last !== undefined && blockOf(last) > blockOf(first);
        if (isAtEnd || blockIsWhole || loaded.length >= LOADED_MAX) return loaded;
        readOn();
      }
    },
    /** True if the end of the plan was reached. */
    isExhausted: (): boolean => isAtEnd,
    /** Reads beyond what is loaded. False where there is nothing more, or no room. */
    more(): boolean {
      if (isAtEnd || loaded.length >= LOADED_MAX) return false;
      const before = loaded.length;
      readOn();
      return loaded.length > before;
    },
    remove(job: string): void {
      const index = loaded.findIndex((row) => row.job === job);
      if (index >= 0) loaded.splice(index, 1);
    },
    /** Jobs were planned again, by us or by another process: reads from the start. */
    reset(): void {
      loaded = [];
      cursor = null;
      isAtEnd = false;
    },
  };
}
