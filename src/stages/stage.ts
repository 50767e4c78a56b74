import type { Context } from "../context.ts";

/** Tells a stage of work that an earlier stage, perhaps in another process, still adds. */
export interface Upstream {
  /** True while an earlier stage may add work: a stage that has nothing to do then waits instead of ending. */
  moreToCome(): boolean;
  /** Resolves when there may be new work: told by the earlier stage in this process, or after a poll interval. Rejects on abort. */
  waitForWork(signal: AbortSignal): Promise<void>;
}

/** For a stage that runs alone: no work comes beside what the database holds. */
export const nothingUpstream: Upstream = { moreToCome: () => false, waitForWork: () => Promise.resolve() };

/** The result of a stage. */
export interface StageReport {
  readonly stage: string;
  /** Items settled well in this run. */
  readonly done: number;
  /** Items that failed or were rejected in this run. */
  readonly failed: number;
  /** True if it stopped early, work remains. */
  readonly stopped: boolean;
}

/** A stage reads rows, does work outside, writes rows; running it again continues where it stopped. */
export type Stage<Needs extends keyof Context> = (context: Pick<Context, Needs>, upstream: Upstream) => Promise<StageReport>;
