import { inspect, type InspectNeeds } from "./inspect.ts";
import { judge, type JudgeReport } from "./judge/judge.ts";
import type { JudgeNeeds } from "./judge/run-judge.ts";
import { link, type LinkNeeds } from "./link/link.ts";
import type { LinkResult } from "./link/tally.ts";
import type { StageReport, Upstream } from "../stage.ts";

/** How often judging looks for groups that inspection has completed, ms. */
const POLL_INTERVAL_MS = 250;

export interface AnnotateResult {
  readonly inspected: StageReport;
  readonly judged: JudgeReport;
  readonly linked: LinkResult;
}

/**
 * Turns stored images into pairs: inspects and judges while other stages still store images, and links once at the end.
 * Reads, writes and fails like its three parts. Each of them resumes by itself.
 */
export async function annotate(context: InspectNeeds & JudgeNeeds & LinkNeeds, upstream: Upstream): Promise<AnnotateResult> {
  const failure = new AbortController();
  const both = { ...context, stopping: AbortSignal.any([context.stopping, failure.signal]) };
  let inspecting = true;
  const stopOther = (error: unknown): never => {
    failure.abort();
    throw error;
  };
  const inspection = inspect(both, upstream)
    .finally(() => {
      inspecting = false;
    })
    .catch(stopOther);
  const judging = judge(both, {
    moreToCome: () => inspecting || upstream.moreToCome(),
    waitForWork: (signal) => context.clock.sleep(POLL_INTERVAL_MS, signal),
  }).catch(stopOther);
  // Wait for both before an error is thrown, so that what is in flight is settled.
  await Promise.allSettled([inspection, judging]);
  const inspected = await inspection;
  const judged = await judging;
  return { inspected, judged, linked: await link(context) };
}
