import { loadConfig } from "../../config/load-config.ts";
import { openReadonly } from "../../db/open.ts";
import { EXIT } from "../../errors.ts";
import { openJudges } from "../../judges/registry.ts";
import { counted } from "../../lib/counted.ts";
import { configFileOf, databaseFile, hintFor } from "../../open-context.ts";
import { costOfJudging, type JudgeCost } from "../../stages/judge/cost-of-judging.ts";
import type { CommandInput, CommandResult } from "../command.ts";
import { datasetCounts } from "../dataset-counts.ts";

/** What each judge has left to do and what that costs. Asks nobody, writes nothing. */
export async function dryRun(input: CommandInput): Promise<CommandResult> {
  const config = loadConfig(configFileOf(input), { env: input.env });
  const judges = openJudges(config.annotate.judges);
  const db = openReadonly(databaseFile(config), hintFor(input));
  try {
    for (const cost of costOfJudging(db, judges)) {
      const { judge, version, groups, images, requests, scored, scoredBefore } = cost;
      input.show(
        { event: "would_judge", judge, version, groups, images, requests, scored, scored_before: { ...scoredBefore } },
        `judge ${judge} (version ${version}): ${describeCost(cost, boundOf(config.annotate.judges, judge))}`,
      );
    }
    return { exit: EXIT.done, counts: { ...datasetCounts({ db, config }) } };
  } finally {
    db.close();
  }
}

/** `max_requests` of a judge that has one. */
function boundOf(judges: ReturnType<typeof loadConfig>["annotate"]["judges"], name: string): number | undefined {
  const config = judges.find((each) => each.name === name);
  return config?.kind === "openai" ? config.max_requests : undefined;
}

function describeCost({ groups, images, requests, scored, scoredBefore }: JudgeCost, bound: number | undefined): string {
  const asked = requests === 0 ? "no requests" : `at least ${counted(requests, "request")}`;
  const runs = bound !== undefined && requests > bound ? `, in ${Math.ceil(requests / bound)} runs (max_requests: ${bound})` : "";
  const before = Object.entries(scoredBefore).map(([version, count]) => `${counted(count, "image")} scored by version ${version}, kept`);
  const open = groups === 0 ? "nothing to judge" : `${counted(groups, "group")}, ${counted(images, "image")}, ${asked}${runs}`;
  return [open, ...(scored > 0 ? [`${counted(scored, "image")} scored already`] : []), ...before].join("; ");
}
