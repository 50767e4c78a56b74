import type { JobQueries, JobRow } from "../../db/queries/jobs/jobs.ts";

/** Planned jobs read per query. */
const PAGE = 256;
/** Held in memory at the most: a block of 64 prompts of any usual size, and a bound for the unusual. */
const HELD_MAX = 4_096;

export interface JobPoolOptions {
  readonly jobs: Pick<JobQueries, "planned">;
  readonly blockOf: (job: JobRow) => number;
}

/**
 * The next planned jobs in planning order, at least the whole first block: what a server may choose from. Reads each job once, so a job
 * costs the same whatever the length of the plan.
 */
export type JobPool = ReturnType<typeof createJobPool>;

export function createJobPool({ jobs, blockOf }: JobPoolOptions) {
  let held: JobRow[] = [];
  let cursor: JobRow | null = null;
  let isAtEnd = false;

  function readOn(): void {
    const page = jobs.planned(cursor, PAGE);
    const known = new Set(held.map((job) => job.job));
    held.push(...page.filter((job) => !known.has(job.job)));
    cursor = page.at(-1) ?? cursor;
    isAtEnd = page.length < PAGE;
  }

  return {
    /** Jobs to choose from; more than the first block where `isEnough` says no. */
    choices(): readonly JobRow[] {
      for (;;) {
        const [first] = held;
        const last = held.at(-1);
        const blockIsWhole = first !== undefined && last !== undefined && blockOf(last) > blockOf(first);
        if (isAtEnd || blockIsWhole || held.length >= HELD_MAX) return held;
        readOn();
      }
    },
    /** True where the end of the plan was reached. */
    isExhausted: (): boolean => isAtEnd,
    /** Reads beyond what is held. False where there is nothing more, or no room. */
    more(): boolean {
      if (isAtEnd || held.length >= HELD_MAX) return false;
      const before = held.length;
      readOn();
      return held.length > before;
    },
    remove(job: string): void {
      const index = held.findIndex((row) => row.job === job);
      if (index >= 0) held.splice(index, 1);
    },
    /** Jobs were planned again, by us or by another process: reads from the start. */
    reset(): void {
      held = [];
      cursor = null;
      isAtEnd = false;
    },
  };
}
