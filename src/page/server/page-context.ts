import type { Context } from "../../context.ts";
import { type Commits, openCommits } from "../../db/commits.ts";
import type { Db } from "../../db/open.ts";
import { type AnnotatorQueries, annotatorQueries, type AnnotatorRow } from "../../db/queries/page/annotators.ts";
import { type PageVoteQueries, pageVoteQueries } from "../../db/queries/page/page-votes.ts";
import { type PageImageQueries, pageImageQueries } from "../../db/queries/page/page-images.ts";
import { type AssignmentQueries, assignmentQueries } from "../../db/queries/page/assignments.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Log } from "../../lib/log.ts";
import type { LeadAnswer, Progress, SessionAnswer } from "../api.ts";
import { createLeadCounter } from "./lead/lead-numbers.ts";
import type { ComparisonFeed } from "./tasks/comparison-feed.ts";
import type { ComparisonRules } from "./tasks/comparison-rules.ts";
import { createProgressCounter } from "./tasks/count-progress.ts";
import { type TaskGiver, createTaskGiver } from "./tasks/give-tasks.ts";
import { openPageImages, type PageImages } from "./images/page-images.ts";
import { type EntryRecorder, createEntryRecorder } from "./record-entries.ts";
import type { StaticFile } from "./page-files.ts";

/** Everything that the routes use. `startPageServer` opens it once. */
export interface PageContext {
  readonly db: Db;
  readonly clock: Clock;
  readonly log: Pick<Log, "warn" | "error">;
  readonly secret: Uint8Array;
  /** The part of a session that is the same for everybody. */
  readonly session: Omit<SessionAnswer, "annotator" | "role" | "progress">;
  readonly queries: {
    readonly annotators: AnnotatorQueries;
    readonly assignments: AssignmentQueries;
    readonly votes: PageVoteQueries;
    readonly images: PageImageQueries;
  };
  /** Commits the writes of a request. It resolves once they are on the disk, so that an answer confirms them. */
  readonly commits: Commits["queued"];
  readonly giver: TaskGiver;
  readonly recorder: EntryRecorder;
  readonly countProgress: (annotatorId: number) => Progress;
  readonly countForLead: () => Promise<LeadAnswer>;
  readonly images: PageImages;
  readonly files: ReadonlyMap<string, StaticFile>;
  /** Origins under which this server serves the page. Known once it listens. */
  readonly origins: () => ReadonlySet<string>;
  readonly publicUrl: string | null;
  readonly cookieName: string;
  readonly countCspReport: () => void;
}

declare module "fastify" {
  interface FastifyRequest {
    /** The person who sent the request. Null only for `/join/…`, which sets the cookie. */
    annotator: AnnotatorRow | null;
  }
}

export type PageContextNeeds = Pick<Context, "config" | "db" | "store" | "clock" | "log" | "signal">;

export interface PageContextOptions {
  /** The dataset's random id. */
  readonly datasetId: string;
  readonly secret: Uint8Array;
  readonly rules: ComparisonRules;
  readonly feed: Pick<ComparisonFeed, "waiting" | "epoch">;
  readonly files: ReadonlyMap<string, StaticFile>;
  readonly guidelines: string | null;
  readonly publicUrl: string | null;
  /** Known once the server listens. */
  readonly origins: () => ReadonlySet<string>;
}

/** Opens everything that the routes use. @throws what opening the cache of thumbnails throws. */
export async function openPageContext(
  { config, db, store, clock, log, signal }: PageContextNeeds,
  options: PageContextOptions,
): Promise<PageContext> {
  const { secret, rules, feed, publicUrl, datasetId, guidelines, files, origins } = options;
  const { people, criteria } = config.annotate;
  let cspReports = 0;
  return {
    db,
    clock,
    log,
    secret,
    session: { dataset: datasetId, task: people.task, criteria, guidelines, language: people.language },
    queries: {
      annotators: annotatorQueries(db),
      assignments: assignmentQueries(db),
      votes: pageVoteQueries(db),
      images: pageImageQueries(db),
    },
    commits: openCommits(db).queued,
    giver: createTaskGiver({
      db,
      clock,
      secret,
      rates: { gold: people.gold === null ? 0 : people.gold_rate, repeat: people.repeat_rate },
      random: Math.random,
      epoch: () => feed.epoch,
    }),
    recorder: createEntryRecorder({ db, clock, secret, rules }),
    countProgress: createProgressCounter({ db, clock }),
    countForLead: createLeadCounter({ db, clock, promptsWaiting: () => feed.waiting, cspReports: () => cspReports }),
    images: await openPageImages({ config, store }, signal),
    files,
    origins,
    publicUrl,
    // Cookies ignore the port, so two datasets served on one machine need two names.
    cookieName: `comfy_dpo_${datasetId.slice(0, 8)}`,
    countCspReport: () => cspReports++,
  };
}
