import type { JudgeVersion } from "../../../db/queries/annotate/scores.ts";
import { FatalError } from "../../../errors.ts";
import type { Judge } from "../../../judges/judge.ts";
import { type JudgeNeeds, type JudgeRunReport, runJudge } from "./run-judge.ts";
import type { StageReport, Upstream } from "../../stage.ts";

/** Pause of a judge with `by` before it looks again at what the other judge has scored, ms. */
const FOLLOW_POLL_MS = 200;

export interface JudgeReport extends StageReport {
  /** Judges that reached their limit of requests. Their other groups wait for the next run. */
  readonly spent: readonly string[];
  /** Judges that refused or could not be reached. What they have not scored waits for the next run. */
  readonly lost: readonly string[];
}

export interface JudgeOptions {
  /**
   * True if the judge runs beside stages that matter more. They continue without a judge that refuses, and a judge that is away is waited
   * for.
   */
  readonly isBeside?: boolean;
}

/**
 * Has every judge score every final group.
 * Reads prompts, jobs, images, inspections. Writes scores, a whole group at a time. Resumes with the images that a judge's version has
 * not scored. A group for which the judge cannot be asked waits for the next run.
 * @throws {FatalError} if nothing works for minutes, unless `isBeside`.
 */
export async function judge(context: JudgeNeeds, upstream: Upstream, { isBeside = false }: JudgeOptions = {}): Promise<JudgeReport> {
  const failure = new AbortController();
  const stopping = AbortSignal.any([context.stopping, failure.signal]);
  const running = new Set(context.judges.map(({ name }) => name));
  const runs = context.judges.map(async (one) => {
    try {
      const after = findEarlier(one, context.judges);
      const follows = after === null ? upstream : waitForJudge(upstream, () => running.has(after.judge), context);
      return await runJudge(one, { context: { ...context, stopping }, upstream: follows, after, isPatient: isBeside });
    } catch (error) {
      if (isBeside && error instanceof FatalError) return reportLost(one, { error, context });
      failure.abort(); // Stops the others, which settle what is in flight: without this judge every group stays incomplete.
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
  for (const name of spent) context.log.warn(`${name}: max_requests is reached; the other groups wait for the next run`);
  return {
    stage: "judge",
    done: sum(reports.map(({ done }) => done)),
    failed: sum(reports.map(({ failed }) => failed)),
    stopped: reports.some(({ stopped }) => stopped),
    spent,
    lost: namesWhere(({ isLost }) => isLost),
  };
}

/** Reports at once that a judge is lost, so that somebody can fix it while images are still being made. */
function reportLost(
  { name }: Judge,
  { error, context: { log } }: { readonly error: FatalError; readonly context: JudgeNeeds },
): JudgeRunReport {
  const hint = error.hint === undefined ? "" : `. Try: ${error.hint}`;
  log.warn(`${error.message}${hint}. This run continues without ${name}`);
  return { stage: "judge", done: 0, failed: 0, stopped: false, isSpent: false, isLost: true };
}

/**
 * Finds the judge that `by` names. Null if there is none. @throws {Error} if it is not open, which the checks of the configuration prevent.
 */
function findEarlier({ name, after }: Judge, judges: readonly Judge[]): JudgeVersion | null {
  if (after === undefined) return null;
  const earlier = judges.find((other) => other.name === after);
  if (earlier === undefined) throw new Error(`The judge ${name} names ${after} in \`by\`, which is not open`);
  return { judge: earlier.name, version: earlier.version };
}

/** Returns an upstream that also waits for another judge while that one runs. */
function waitForJudge(upstream: Upstream, isRunning: () => boolean, { clock }: Pick<JudgeNeeds, "clock">): Upstream {
  return {
    moreToCome: () => isRunning() || upstream.moreToCome(),
    waitForWork: (signal) => (isRunning() ? clock.sleep(FOLLOW_POLL_MS, signal) : upstream.waitForWork(signal)),
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
