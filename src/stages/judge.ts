import type { JudgeConfig } from "../config/schema.ts";
import type { Context } from "../context.ts";
import { type GroupImageRow, groupQueries } from "../db/queries/groups.ts";
import { type GroupScores, type JudgeVersion, scoreQueries } from "../db/queries/scores.ts";
import { TransientError, messageOf } from "../errors.ts";
import type { Inspection, Judge, JudgeImage, Score } from "../judges/judge.ts";
import { readAll } from "../stores/read-all.ts";
import { openBacklog } from "./backlog.ts";
import { drain } from "./drain.ts";
import type { StageReport, Upstream } from "./stage.ts";
import type { SweepPage } from "./sweep.ts";
import { earliest, writeBehind } from "./write-behind.ts";

/** Prompts looked at in one go, about 15 ms. */
const PAGE_ROWS = 100;
/** Groups in flight for a judge that has no say in it: it computes here. */
const LOCAL_CONCURRENCY = 2;

export type JudgeNeeds = Pick<Context, "config" | "db" | "store" | "judges" | "clock" | "log" | "stopping" | "signal">;

/**
 * Has every judge score every final group.
 * Reads prompts, jobs, images, inspections. Writes scores, a group at once. Resumes by the images that a judge's version has not
 * scored. Where a judge cannot be asked the group stays unscored for the next run; FatalError where nothing works for minutes.
 */
export async function judge(context: JudgeNeeds, upstream: Upstream): Promise<StageReport> {
  const failure = new AbortController();
  const stopping = AbortSignal.any([context.stopping, failure.signal]);
  const runs = context.judges.map(async (one) => {
    try {
      return await runJudge(one, { context: { ...context, stopping }, upstream });
    } catch (error) {
      failure.abort(); // The others settle what is in flight: one dead judge leaves every group incomplete.
      throw error;
    }
  });
  const ended = await Promise.allSettled(runs);
  const reports = ended.map((end) => {
    if (end.status === "rejected") throw end.reason;
    return end.value;
  });
  return {
    stage: "judge",
    done: sum(reports.map(({ done }) => done)),
    failed: sum(reports.map(({ failed }) => failed)),
    stopped: reports.some(({ stopped }) => stopped),
  };
}

/** A final group, and what of it the judge has not scored. */
interface GroupToJudge {
  readonly promptKey: string;
  readonly prompt: string;
  /** In image_id order. */
  readonly images: readonly ImageToJudge[];
}

interface ImageToJudge {
  readonly imageId: string;
  readonly sha256: string;
  readonly key: string;
  readonly sizeBytes: number;
  readonly inspection: Inspection;
}

interface JudgeRun {
  readonly context: JudgeNeeds;
  readonly upstream: Upstream;
}

async function runJudge(one: Judge, { context, upstream }: JudgeRun): Promise<StageReport> {
  const { db, clock, log } = context;
  const version = { judge: one.name, version: one.version };
  const { insertGroups } = scoreQueries(db);
  const backlog = openBacklog<GroupToJudge>({
    task: `judge with ${one.name}`,
    clock,
    readPage: pageReader(db, version),
    keyOf: ({ promptKey }) => promptKey,
  });
  const results = writeBehind<{ readonly group: GroupToJudge; readonly scored: GroupScores }>(clock, (entries) => {
    insertGroups(
      version,
      entries.map(({ scored }) => scored),
    );
    for (const { group } of entries) backlog.settled(group);
  });
  let done = 0;
  let failed = 0;

  try {
    const { stopped } = await drain<GroupToJudge, GroupScores>(
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
          return { promptKey, scores: checked(scores, { images, judge: one.name }) };
        },
        settle(group, scored) {
          results.add({ group, scored });
          log.progress("judge", { done: ++done, total: done, failed, note: one.name });
        },
        fail(group, error) {
          if (!backlog.failed(group, error)) return;
          failed++;
          log.warn(`Cannot judge the images of ${group.promptKey} with ${one.name} in this run: ${messageOf(error)}`);
        },
      },
      backlog.follow(upstream),
      context,
    );
    return { stage: "judge", done, failed, stopped };
  } finally {
    results.flush();
  }
}

/** Looks for groups to judge: final ones with images that this version has not scored. */
function pageReader(db: JudgeNeeds["db"], { judge: name, version }: JudgeVersion): (afterRow: number) => SweepPage<GroupToJudge> {
  const groups = groupQueries(db);
  const { scoresIn } = scoreQueries(db);

  return (afterRow) => {
    const range = groups.nextRange(afterRow, PAGE_ROWS);
    if (range === null) return { items: [], lastRow: null, firstOpenRow: null };
    const own = scoresIn(range).filter((score) => score.judge === name && score.version === version);
    const scored = new Set(own.map(({ imageId }) => imageId));
    const found = groups.groupsIn(range).map(({ images, ...group }) => ({
      ...group,
      images: images.filter(({ imageId }) => !scored.has(imageId)).flatMap(imageToJudge),
    }));
    return {
      items: found.filter(({ isFinal, images }) => isFinal && images.length > 0),
      lastRow: range.last,
      firstOpenRow: found.find(({ isFinal, images }) => !isFinal || images.length > 0)?.row ?? null,
    };
  };
}

/** None for what is not stored or could not be decoded. */
function imageToJudge({ state, imageId, sha256, key, sizeBytes, ...row }: GroupImageRow): ImageToJudge[] {
  const { widthPx, heightPx, pixelSha256, perceptualHash, lumaStd, sharpness, entropy } = row;
  if (state !== "stored" || sha256 === null || key === null || sizeBytes === null) return [];
  if (widthPx === null || heightPx === null || pixelSha256 === null || perceptualHash === null) return [];
  if (lumaStd === null || sharpness === null || entropy === null) return [];
  return [{ imageId, sha256, key, sizeBytes, inspection: { widthPx, heightPx, pixelSha256, perceptualHash, lumaStd, sharpness, entropy } }];
}

function judgeImageOf({ imageId, sha256, key, sizeBytes, inspection }: ImageToJudge, { store }: Pick<JudgeNeeds, "store">): JudgeImage {
  return {
    imageId,
    sha256,
    inspection,
    async bytes(signal) {
      const body = await store.get(key, signal);
      if (body === null) throw new TransientError(`the store has nothing under ${key}`);
      return readAll(body, sizeBytes);
    },
  };
}

/** A judge's answer belongs to its images by position: a short or shuffled one would give scores to the wrong pictures. */
function checked(
  scores: readonly Score[],
  { images, judge: name }: { readonly images: readonly JudgeImage[]; readonly judge: string },
): readonly Score[] {
  const fits = scores.length === images.length && scores.every(({ imageId }, index) => imageId === images[index]?.imageId);
  if (!fits) throw new Error(`The judge ${name} answered ${scores.length} scores for ${images.length} images, or in another order`);
  // NaN and infinities order nothing: the judge could not tell.
  return scores.map((score) => (score.score === null || Number.isFinite(score.score) ? score : { ...score, score: null }));
}

function concurrencyOf(one: Judge, configs: readonly JudgeConfig[]): number {
  const config = configs.find(({ name }) => name === one.name);
  return config !== undefined && "concurrency" in config ? config.concurrency : LOCAL_CONCURRENCY;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
