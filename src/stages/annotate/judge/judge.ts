import type { JudgeVersion } from "../../../db/queries/annotate/scores.ts";
import { FatalError } from "../../../errors.ts";
import type { Judge } from "../../../judges/judge.ts";
import { type JudgeNeeds, type JudgeRunReport, runJudge } from "./run-judge.ts";
import type { StageReport, Upstream } from "../../stage.ts";

/** Between two looks of a judge at what the one that it goes by has scored, ms. */
const FOLLOW_POLL_MS = 200;

export interface JudgeReport extends StageReport {
  /** Judges whose bound of requests left groups for the next run. */
  readonly spent: readonly string[];
  /** Judges that refused or stayed away: what they have not scored waits for the next run. */
  readonly lost: readonly string[];
}

export interface JudgeOptions {
  /** The stages before are what the run is for: they go on without a judge that refuses, and one that is away is waited for. */
  readonly isBeside?: boolean;
}

/**
 * Has every judge score every final group.
 * Reads prompts, jobs, images, inspections. Writes scores, a group at once. Resumes by the images that a judge's version has not
 * scored. Where a judge cannot be asked the group stays unscored for the next run; FatalError where nothing works for minutes, unless
 * `isBeside`.
 */
export async function judge(context: JudgeNeeds, upstream: Upstream, { isBeside = false }: JudgeOptions = {}): Promise<JudgeReport> {
  const failure = new AbortController();
  const stopping = AbortSignal.any([context.stopping, failure.signal]);
  const running = new Set(context.judges.map(({ name }) => name));
  const runs = context.judges.map(async (one) => {
    try {
      const after = earlierOf(one, context.judges);
      const follows = after === null ? upstream : behind(upstream, () => running.has(after.judge), context);
      return await runJudge(one, { context: { ...context, stopping }, upstream: follows, after, isPatient: isBeside });
    } catch (error) {
      if (isBeside && error instanceof FatalError) return lose(one, { error, context });
      failure.abort(); // The others settle what is in flight: one dead judge leaves every group incomplete.
      throw error;
    } finally {
      running.delete(one.name);
    }
  });
  const ended = await Promise.allSettled(runs);
  const reports = ended.map((end): JudgeRunReport => {
    if (end.status === "rejected") throw end.reason;
    return end.value;
  });
  const namesWhere = (holds: (report: JudgeRunReport) => boolean): readonly string[] =>
    context.judges.filter((_, index) => reports.slice(index, index + 1).some(holds)).map(({ name }) => name);
  const spent = namesWhere(({ isSpent }) => isSpent);
  for (const note of context.judges.flatMap((one) => one.notes?.() ?? [])) context.log.warn(note);
  for (const name of spent) context.log.warn(`${name}: max_requests is reached; the groups that are left wait for the next run`);
  return {
    stage: "judge",
    done: sum(reports.map(({ done }) => done)),
    failed: sum(reports.map(({ failed }) => failed)),
    stopped: reports.some(({ stopped }) => stopped),
    spent,
    lost: namesWhere(({ isLost }) => isLost),
  };
}

/** The end of one judge, told at once: whoever reads it may mend the cause while images are still made. */
function lose({ name }: Judge, { error, context: { log } }: { readonly error: FatalError; readonly context: JudgeNeeds }): JudgeRunReport {
  const hint = error.hint === undefined ? "" : `. Try: ${error.hint}`;
  log.warn(`${error.message}${hint}. This run goes on without ${name}`);
  return { stage: "judge", done: 0, failed: 0, stopped: false, isSpent: false, isLost: true };
}

/** @throws {Error} if the configuration let through a judge that is not there. */
function earlierOf({ name, after }: Judge, judges: readonly Judge[]): JudgeVersion | null {
  if (after === undefined) return null;
  const earlier = judges.find((other) => other.name === after);
  if (earlier === undefined) throw new Error(`The judge ${name} goes by ${after}, which is not open`);
  return { judge: earlier.name, version: earlier.version };
}

/** The same upstream, with another judge before it as long as that runs. */
function behind(upstream: Upstream, isRunning: () => boolean, { clock }: Pick<JudgeNeeds, "clock">): Upstream {
  return {
    moreToCome: () => isRunning() || upstream.moreToCome(),
    waitForWork: (signal) => (isRunning() ? clock.sleep(FOLLOW_POLL_MS, signal) : upstream.waitForWork(signal)),
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
