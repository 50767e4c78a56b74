import { existsSync } from "node:fs";
import type { Context } from "../../context.ts";
import { isLocked } from "../../db/process-lock.ts";
import { jobQueries } from "../../db/queries/jobs/jobs.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Log } from "../../lib/log.ts";
import type { Upstream } from "../../stages/stage.ts";

/** Time that harvest --follow waits for a generate to start, ms: a person starts it in another terminal. */
export const GENERATE_GRACE_MS = 60_000;
/** Between two looks at what generate, in another process, has finished, ms. */
const FOLLOW_POLL_MS = 500;

const WAITING = `Waiting up to ${GENERATE_GRACE_MS / 1_000} s for generate to start in another process`;

interface FollowOptions {
  /** When waiting began, ms since the epoch. */
  readonly sinceMs: number;
}

/**
 * More may come while generate runs in some process, or has left work that only a new generate can do; where neither was ever so, until
 * the time to start one is over.
 */
export function followGenerate(
  { config, db, clock, log }: Pick<Context, "config" | "db" | "clock" | "log">,
  { sinceMs }: FollowOptions,
): Upstream {
  const jobs = jobQueries(db);
  let hasSeen = false;
  let hasTold = false;
  return {
    moreToCome() {
      if (isLocked(config.dir, "generate") || jobs.anyOpen()) return (hasSeen = true);
      if (hasSeen || clock.nowMs() - sinceMs >= GENERATE_GRACE_MS) return false;
      if (!hasTold) log.info(WAITING);
      hasTold = true;
      return true;
    },
    waitForWork: (signal) => clock.sleep(FOLLOW_POLL_MS, signal),
  };
}

interface DatabaseWait {
  readonly clock: Clock;
  readonly log: Pick<Log, "info">;
  /** Ends the wait. */
  readonly signal: AbortSignal;
}

/** Waits likewise for the database, which the first generate of a dataset makes. Whether it came is for the caller to see. */
export async function waitForDatabase(file: string, { clock, log, signal }: DatabaseWait): Promise<void> {
  const endMs = clock.nowMs() + GENERATE_GRACE_MS;
  if (!existsSync(file)) log.info(WAITING);
  while (!existsSync(file) && clock.nowMs() < endMs && !signal.aborted) {
    await clock.sleep(FOLLOW_POLL_MS, signal).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
  }
}
