import type { JudgeConfig } from "../../../config/schema.ts";
import type { Context } from "../../../context.ts";
import { addToCounter } from "../../../db/queries/jobs/counters.ts";
import { type GroupScores, type JudgeVersion, scoreQueries } from "../../../db/queries/annotate/scores.ts";
import { TransientError, messageOf } from "../../../errors.ts";
import type { Judge, JudgeImage, Score } from "../../../judges/judge.ts";
import { readAll } from "../../../stores/read-all.ts";
import { openBacklog } from "../../backlog.ts";
import { drain } from "../../drain.ts";
import type { StageReport, Upstream } from "../../stage.ts";
import { earliest, writeBehind } from "../../../db/commits.ts";
import { openGroupsToJudge, type GroupToJudge, type ImageToJudge } from "./groups-to-judge.ts";

/** Groups in flight for a judge without a `concurrency` setting, which computes in this process. */
const LOCAL_CONCURRENCY = 2;
/** Least time between two warnings about a judge that does not answer, ms. */
const TROUBLE_INTERVAL_MS = 30_000;

export type JudgeNeeds = Pick<Context, "config" | "db" | "store" | "judges" | "clock" | "log" | "stopping" | "signal">;

export interface JudgeRun {
  readonly context: JudgeNeeds;
  readonly upstream: Upstream;
  /** The judge version that must have scored a group before this judge sees it. */
  readonly after: JudgeVersion | null;
  /** Waits for a judge that is away while upstream still works, because a failure would end that work. */
  readonly isPatient: boolean;
}

export interface JudgeRunReport extends StageReport {
  /** True if it reached its limit of requests and left groups for the next run. */
  readonly isSpent: boolean;
  /** True if it refused, or could not be reached until the end. */
  readonly isLost: boolean;
}

/** Has one judge score every final group that it has not scored. A group is scored as a whole. */
export async function runJudge(one: Judge, { context, upstream, after, isPatient }: JudgeRun): Promise<JudgeRunReport> {
  const { db, clock, log } = context;
  const version = { judge: one.name, version: one.version };
  const { writeGroups } = scoreQueries(db);
  const countUsage = createUsageCounter(db, one);
  const backlog = openBacklog<GroupToJudge>({
    task: `judge with ${one.name}`,
    clock,
    readPage: openGroupsToJudge(db, { judge: one, after }),
    keyOf: ({ promptKey }) => promptKey,
    isPatient: () => isPatient && upstream.moreToCome(),
  });
  const results = writeBehind<{ readonly group: GroupToJudge; readonly scored: GroupScores }>(clock, (entries) => {
    writeGroups(
      version,
      entries.map(({ scored }) => scored),
      one.relative === true ? "replace" : "keep",
    );
    countUsage();
    for (const { group } of entries) backlog.settled(group);
  });
  const spent = new AbortController();
  const warnOfTrouble = createTroubleWarning(context);
  let done = 0;

  try {
    const { stopped } = await drain<GroupToJudge, GroupScores | null>(
      {
        concurrency: concurrencyOf(one, context.config.annotate.judges),
        claim(limit) {
          results.flushIfDue();
          return backlog.claim(limit);
        },
        nextDueMs: () => earliest(backlog.nextDueMs(), results.dueMs()),
        async perform({ promptKey, prompt, images: rows }) {
          const images = rows.map((row) => judgeImageOf(row, context));
          const scores = await one.score(prompt, images, context.signal);
          return scores === null ? null : { promptKey, scores: checkScores(scores, { images, judge: one.name }) };
        },
        settle(group, scored) {
          if (scored === null) {
            spent.abort();
            return;
          }
          results.add({ group, scored });
          // While every group is in flight for minutes nothing else would write it, and its answers have cost requests.
          if (one.requestsFor !== undefined) results.flush();
          log.progress("judge", { done: ++done, total: done, failed: backlog.leftOver(), note: one.name });
        },
        fail(group, error) {
          if (backlog.failed(group, error))
            log.warn(`Cannot judge the images of ${group.promptKey} with ${one.name} for now: ${messageOf(error)}`);
          else warnOfTrouble(messageOf(error));
        },
      },
      backlog.follow(upstream),
      { ...context, stopping: AbortSignal.any([context.stopping, spent.signal]) },
    );
    return { stage: "judge", done, failed: backlog.leftOver(), stopped, isSpent: spent.signal.aborted, isLost: false };
  } finally {
    results.flush();
    countUsage();
  }
}

/** Creates a warning that is shown at most every 30 s, because a judge that is away fails all the time. */
function createTroubleWarning({ clock, log }: Pick<JudgeNeeds, "clock" | "log">): (message: string) => void {
  let warnedAtMs = -Infinity;
  return (message) => {
    if (clock.nowMs() - warnedAtMs < TROUBLE_INTERVAL_MS) return;
    warnedAtMs = clock.nowMs();
    log.warn(`${message}. Trying again`);
  };
}

/** Creates a function that adds what a judge has used since its last call to the dataset's counters, which `status` shows. */
function createUsageCounter(db: JudgeNeeds["db"], one: Judge): () => void {
  let before = { requests: 0, promptTokens: 0, completionTokens: 0 };
  return () => {
    const now = one.usage?.() ?? before;
    const added = [
      ["judge_requests", now.requests - before.requests],
      ["judge_prompt_tokens", now.promptTokens - before.promptTokens],
      ["judge_completion_tokens", now.completionTokens - before.completionTokens],
    ] as const;
    for (const [name, amount] of added) if (amount > 0) addToCounter(db, name, amount);
    before = now;
  };
}

function judgeImageOf({ imageId, sha256, key, sizeBytes, ...row }: ImageToJudge, { store }: Pick<JudgeNeeds, "store">): JudgeImage {
  return {
    imageId,
    sha256,
    sizeBytes,
    uri: store.uriOf(key),
    inspection: row.inspection,
    earlierScore: row.earlierScore,
    async bytes(signal) {
      const body = await store.get(key, signal);
      if (body === null) throw new TransientError(`the store has nothing under ${key}`);
      return readAll(body, sizeBytes);
    },
  };
}

/** Checks a judge's answer. Scores belong to images by position, so a short or reordered answer would give them to the wrong images. */
function checkScores(
  scores: readonly Score[],
  { images, judge: name }: { readonly images: readonly JudgeImage[]; readonly judge: string },
): readonly Score[] {
  const fits = scores.length === images.length && scores.every(({ imageId }, index) => imageId === images[index]?.imageId);
  if (!fits) throw new Error(`The judge ${name} answered ${scores.length} scores for ${images.length} images, or in another order`);
  // NaN and infinities have no order, so they mean that the judge could not tell.
  return scores.map((score) => (score.score === null || Number.isFinite(score.score) ? score : { ...score, score: null }));
}

function concurrencyOf(one: Judge, configs: readonly JudgeConfig[]): number {
  const config = configs.find(({ name }) => name === one.name);
  return config !== undefined && "concurrency" in config ? config.concurrency : LOCAL_CONCURRENCY;
}
