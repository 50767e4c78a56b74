import { loadConfig } from "../../config/load-config.ts";
import { openReadonly } from "../../db/open.ts";
import { ConfigError, EXIT } from "../../errors.ts";
import { openJudges } from "../../judges/registry.ts";
import { counted } from "../../lib/words.ts";
import { databaseFile, hintFor } from "../open-context.ts";
import { estimateJudging, type JudgeCost, type RunBound } from "../../stages/annotate/judge/estimate-judging.ts";
import type { CommandResult } from "../command.ts";
import type { InputOf } from "../registry.ts";
import { datasetCounts } from "../stage-result.ts";

/** Prints what each judge has left to do and what that costs. Asks no judge, writes nothing. */
export async function dryRun(input: InputOf<"judge">): Promise<CommandResult> {
  if (input.options.prompts !== undefined) {
    throw new ConfigError("Cannot use --prompts with judge --dry-run: it counts what is planned, and writes no other plan", {
      hint: "leave one of them out; generate --prompts N plans N prompts",
    });
  }
  const config = loadConfig(input.options.config, { env: input.env });
  const judges = openJudges(config.annotate.judges);
  const db = openReadonly(databaseFile(config), hintFor(input));
  try {
    for (const cost of estimateJudging(db, judges)) {
      const { judge, version, groups, images, requests, scored, scoredBefore, bound } = cost;
      const within = bound === null ? {} : { max_requests: bound.maxRequests, runs: bound.runs, groups_too_large: bound.groupsTooLarge };
      input.show(
        { event: "would_judge", judge, version, groups, images, requests, ...within, scored, scored_before: { ...scoredBefore } },
        `judge ${judge} (version ${version}): ${describeCost(cost)}`,
      );
    }
    return { exit: EXIT.done, counts: { ...datasetCounts({ db, config }) } };
  } finally {
    db.close();
  }
}

function describeCost({ groups, images, requests, scored, scoredBefore, bound }: JudgeCost): string {
  const asked = requests === 0 ? "no requests" : `at least ${counted(requests, "request")}`;
  const before = Object.entries(scoredBefore).map(([version, count]) => `${counted(count, "image")} scored by version ${version}, kept`);
  const open =
    groups === 0 ? "nothing to judge" : `${counted(groups, "group")}, ${counted(images, "image")}, ${asked}${describeRuns(bound)}`;
  return [open, ...(scored > 0 ? [`${counted(scored, "image")} scored already`] : []), ...before].join("; ");
}

function describeRuns(bound: RunBound | null): string {
  if (bound === null) return "";
  const { maxRequests, runs, groupsTooLarge, largestGroup } = bound;
  // The judge ends at the first of them, whatever else is left.
  if (groupsTooLarge > 0)
    return `; ${groupsTooLarge} of the groups cannot be judged: a group takes up to ${counted(largestGroup, "request")}, and max_requests is ${maxRequests}`;
  return runs > 1 ? `, in ${runs} runs (max_requests: ${maxRequests})` : "";
}
