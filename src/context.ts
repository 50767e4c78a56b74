import type { ComfyPool } from "./comfy/client/pool.ts";
import type { Config } from "./config/schema.ts";
import type { Db } from "./db/open.ts";
import type { Judge } from "./judges/judge.ts";
import type { Clock } from "./lib/clock.ts";
import type { Log } from "./lib/log.ts";
import type { LastProgress } from "./stages/last-progress.ts";
import type { ObjectStore } from "./stores/object-store.ts";

/** Everything a stage may be given. Each takes `Pick<Context, …>`, so that its signature says what it can touch. */
export interface Context {
  readonly config: Config;
  readonly db: Db;
  readonly store: ObjectStore;
  readonly comfy: ComfyPool;
  readonly judges: readonly Judge[];
  readonly clock: Clock;
  readonly log: Log;
  /** When the run last achieved something, for all of its stages. */
  readonly lastProgress: LastProgress;
  /** Aborted on Ctrl-C, SIGTERM and --until: stop taking work. */
  readonly stopping: AbortSignal;
  /** Aborted on the second Ctrl-C: leave everything now. Network calls take this one. */
  readonly signal: AbortSignal;
}
