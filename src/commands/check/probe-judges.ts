import type { Config, JudgeConfig } from "../../config/schema.ts";
import type { Judge } from "../../judges/judge.ts";
import { openJudges } from "../../judges/registry.ts";
import { counted } from "../../lib/words.ts";
import { failedFinding, type Finding } from "./finding.ts";

export interface ProbeOptions {
  /** Candidates of each prompt. A group has as many images, or more. */
  readonly candidates: number;
  readonly signal: AbortSignal;
}

/** One line a judge: who it is, and whether it answers; another where it may never be asked enough. No judge is shown an image. */
export async function probeJudges(
  { annotate: { judges: configs } }: Pick<Config, "annotate">,
  { candidates, signal }: ProbeOptions,
): Promise<readonly Finding[]> {
  let judges: readonly Judge[];
  try {
    judges = openJudges(configs);
  } catch (error) {
    return [failedFinding("judges", error)];
  }
  try {
    const found = judges.map(async (judge, index) => [await probe(judge, configs[index], signal), ...unaffordable(judge, candidates)]);
    return (await Promise.all(found)).flat();
  } finally {
    for (const judge of judges) await judge.close?.();
  }
}

async function probe(judge: Judge, config: JudgeConfig | undefined, signal: AbortSignal): Promise<Finding> {
  const what = `judge ${judge.name}`;
  try {
    const found = await judge.probe?.(signal);
    return { what, ok: true, text: [`version ${judge.version}`, describeNature(judge, config), found].filter(Boolean).join(", ") };
  } catch (error) {
    return failedFinding(what, error);
  }
}

/** The bound of a run that no whole group fits: the judge would end at the first one. */
function unaffordable(judge: Judge, candidates: number): readonly Finding[] {
  const { name, maxRequests = Infinity } = judge;
  const requests = judge.requestsFor?.(Array.from({ length: candidates }, () => ({ sizeBytes: 0 }))) ?? 0;
  if (requests <= maxRequests) return [];
  const why = `that takes ${requests} requests, and max_requests is ${maxRequests}: raise max_requests`;
  return [{ what: `judge ${name}`, ok: false, text: `Cannot score ${counted(candidates, "candidate")} of a prompt: ${why}` }];
}

function describeNature({ technical, after }: Judge, config: JudgeConfig | undefined): string {
  if (technical) return "a technical score: filters, and links only where nobody else speaks";
  const isPairwise = config?.kind === "openai" && config.mode === "pairwise";
  if (!isPairwise) return "a preference score";
  return after === undefined ? "compares every two of a group" : `compares the best and the worst of a group by ${after}`;
}
