import { randomUUID } from "node:crypto";
import type { Context } from "../../context.ts";
import { failureQueries } from "../../db/queries/jobs/failures.ts";
import { jobQueries, type JobQueries } from "../../db/queries/jobs/jobs.ts";
import { referenceQueries } from "../../db/queries/plan/references.ts";
import { rememberPromptId, type GivenPromptId } from "../../db/queries/jobs/server-prompt-id.ts";
import { markWorked, variantsToRun } from "../../db/queries/plan/variants.ts";
import { FatalError, isAbort, TransientError } from "../../errors.ts";
import { promptIdOf } from "../../identity.ts";
import { BLOCK_PROMPTS, seedRuleOf } from "../plan/plan.ts";
import { openCommits, type Commits } from "../../db/commits.ts";
import { createHealth, type Health } from "./health/health.ts";
import { jobBook, type JobBook, createUnjudgedSubmissions, type UnjudgedSubmissions } from "./job-book.ts";
import { generateProgress, type GenerateProgress } from "./progress.ts";
import { createSchedule, type Schedule } from "./schedule.ts";
import { createServerBounds, type ServerBounds } from "./server/server-bounds.ts";
import { serverBook, type ServerBook } from "./server/server-book.ts";
import { createUploads, type Uploads } from "./server/uploads.ts";
import { variantCache, type VariantCache, type HeldBack } from "./variant-cache.ts";
import { verdictActor } from "./health/verdicts.ts";

export type GenerateNeeds = Pick<Context, "config" | "db" | "comfy" | "clock" | "log" | "lastProgress" | "stopping" | "signal">;

/** The server that background work belongs to, which an error can end. */
interface EndableServer {
  readonly contact: { cannotBeUsed(error: FatalError): void };
  readonly wake: () => void;
}

/** Shared by the workers of one run of generate. */
export interface GenerateRun extends Pick<GenerateNeeds, "config" | "comfy" | "clock" | "log" | "lastProgress"> {
  /** Ends every request: the second Ctrl-C, or a run that gave up. */
  readonly signal: AbortSignal;
  readonly queries: JobQueries;
  readonly commits: Commits;
  readonly jobs: JobBook;
  readonly servers: ServerBook;
  readonly schedule: Schedule;
  readonly health: Health;
  readonly progress: GenerateProgress;
  readonly variants: VariantCache;
  readonly uploads: Uploads;
  readonly bounds: ServerBounds;
  readonly unjudged: UnjudgedSubmissions;
  /** Fires when every worker shall end. */
  readonly finished: AbortSignal;
  /** Sent where there is no WebSocket yet. */
  readonly fallbackClientId: string;
  /** Keyed by server: gives the server the jobs that it may take. */
  readonly fillers: Map<string, () => void>;
  /** True once no new job may be taken. */
  isOver(): boolean;
  /** Returns the prompt_id of a job's attempt. */
  promptIdOf(job: string, attempt: number): string;
  /** The server calls the prompt otherwise. False: it cannot be followed under that id. */
  rememberPromptId(given: GivenPromptId): boolean;
  latch(url: string, why: string): void;
  /** The server left the configuration, and nothing of ours is there. */
  gone(url: string): void;
  /**
   * Follows a promise that nobody awaits: a TransientError is left to the next sweep; a FatalError is its server's end, as far as one is
   * named; anything else ends the run.
   */
  inBackground(work: Promise<unknown>, server?: EndableServer): void;
}

export interface RunOptions {
  /** UUID. */
  readonly promptIdNamespace: string;
  /** Secrets that jobs are sent with and the database does not keep, by variant. */
  readonly heldBack: ReadonlyMap<string, HeldBack>;
  readonly finished: AbortSignal;
  /** Ends the run with an error. */
  readonly fail: (error: unknown) => void;
  /** Told after every change that may end the run. */
  readonly changed: () => void;
}

/** Opens what the workers share, with what an earlier run left. */
export function createRun(needs: GenerateNeeds, options: RunOptions): GenerateRun {
  const { config, db, comfy, clock, log, lastProgress, stopping } = needs;
  const signal = AbortSignal.any([needs.signal, lastProgress.gaveUp]);
  const { fail } = options;
  const changed = (): void => options.changed();
  const queries = jobQueries(db);
  const failures = failureQueries(db);
  const variants = variantCache(needs, options.heldBack);
  const uploads = createUploads(referenceQueries(db));
  const toRun = variantsToRun(db);
  const active = (): readonly string[] =>
    toRun.filter(({ variant, state }) => state === "active" && !retired.has(variant)).map(({ variant }) => variant);
  const up = new Set<string>();
  const downReasons = new Map<string, string>();
  const retired = new Set<string>();
  const health: Health = createHealth({
    nowMs: () => clock.nowMs(),
    probeAfterMs: config.generate.probe_after_s * 1_000,
    up: () => [...up],
    takes: (url, variant) => schedule.mayTake(variant, url),
    activeVariants: active,
    worked: toRun.filter(({ hasWorked }) => hasWorked === 1).map(({ variant }) => variant),
  });
  health.load(failures.open(), failures.testimonies());
  const schedule: Schedule = createSchedule({
    jobs: queries,
    blockPrompts: BLOCK_PROMPTS,
    servers: [...comfy.keys()],
    signatureOf: (variant) => variants.get(variant).loaderSignature,
    permits: (url, variant) => health.permission(url, variant) !== "no",
    nowMs: () => clock.nowMs(),
  });
  const progress = generateProgress({ counts: queries.counts(), log, clock });
  const unjudged = createUnjudgedSubmissions();
  const shared = { config, db, log, clock, failures, schedule, health, progress, lastProgress, unjudged, changed };
  const retire = (variant: string): boolean => {
    const before = retired.size;
    return retired.add(variant).size > before;
  };
  const act = verdictActor({ ...shared, jobs: queries, downReasons, retire });
  const servers = serverBook({ ...shared, up, downReasons, serverCount: () => comfy.size, uploads, fail });
  const jobs = jobBook({ ...shared, jobs: queries, servers, act, worked: (variant) => markWorked(db, variant) });

  return {
    config,
    comfy,
    clock,
    log,
    lastProgress,
    signal,
    queries,
    commits: openCommits(db),
    jobs,
    servers,
    schedule,
    health,
    progress,
    variants,
    uploads,
    bounds: createServerBounds({ config, rule: seedRuleOf(config), variants, active }),
    unjudged,
    finished: options.finished,
    fallbackClientId: randomUUID(),
    fillers: new Map(),
    isOver: () => stopping.aborted || options.finished.aborted,
    promptIdOf: (job, attempt) => promptIdOf(options.promptIdNamespace, job, attempt),
    rememberPromptId: (given) => rememberPromptId(db, given),
    latch(url, why) {
      act([health.latch(url, why)]);
      lastProgress.hindered(url, why);
      changed();
    },
    gone(url) {
      const orphaned = servers.serverGone(url);
      act(orphaned.map((variant) => ({ kind: "quarantine", variant, why: "every server that is left refused its workflow" })));
    },
    inBackground(work, server) {
      work.catch((error: unknown) => {
        if (error instanceof FatalError && server !== undefined) {
          server.contact.cannotBeUsed(error);
          return server.wake();
        }
        const leftToTheSweep = error instanceof TransientError || (isAbort(error) && (signal.aborted || options.finished.aborted));
        if (!leftToTheSweep) fail(error);
      });
    },
  };
}
