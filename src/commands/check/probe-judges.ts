import type { Config, JudgeConfig } from "../../config/schema.ts";
import type { Judge } from "../../judges/judge.ts";
import { openJudges } from "../../judges/registry.ts";
import { failedFinding, type Finding } from "./finding.ts";

/** One line a judge: who it is, and whether it answers. No judge is shown a picture. */
export async function probeJudges(
  { annotate: { judges: configs } }: Pick<Config, "annotate">,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  let judges: readonly Judge[];
  try {
    judges = openJudges(configs);
  } catch (error) {
    return [failedFinding("judges", error)];
  }
  try {
    return await Promise.all(judges.map((judge, index) => probe(judge, configs[index], signal)));
  } finally {
    for (const judge of judges) await judge.close?.();
  }
}

async function probe(judge: Judge, config: JudgeConfig | undefined, signal: AbortSignal): Promise<Finding> {
  const what = `judge ${judge.name}`;
  try {
    const found = await judge.probe?.(signal);
    return { what, ok: true, text: [`version ${judge.version}`, natureOf(judge, config), found].filter(Boolean).join(", ") };
  } catch (error) {
    return failedFinding(what, error);
  }
}

function natureOf({ technical, after }: Judge, config: JudgeConfig | undefined): string {
  if (technical) return "a technical score: filters, and links only where nobody else speaks";
  const isPairwise = config?.kind === "openai" && config.mode === "pairwise";
  if (!isPairwise) return "a preference score";
  return after === undefined ? "compares every two of a group" : `compares the best and the worst of a group by ${after}`;
}
