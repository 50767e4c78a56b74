import { resolve } from "node:path";
import { ConfigError, EXIT } from "../errors.ts";
import { counted } from "../lib/counted.ts";
import { shellWord } from "../lib/shell-word.ts";
import { hintFor, openContext } from "../open-context.ts";
import { annotate } from "../stages/annotate.ts";
import { nothingUpstream } from "../stages/stage.ts";
import { importVotes, type ImportVotesResult } from "../votes/import-votes.ts";
import type { CommandInput, CommandResult } from "./command.ts";
import { datasetCounts } from "./dataset-counts.ts";
import { openStage } from "./open-stage.ts";
import { stageResult } from "./stage-result.ts";
import { tellLinked } from "./tell-linked.ts";

export async function run(input: CommandInput): Promise<CommandResult> {
  const [action, file] = input.args;
  if (action === "import") return importFile(input, file);
  if (action !== undefined) {
    const hint = hintFor(input);
    throw new ConfigError(`Cannot annotate ${action}: no such action`, { hint: `${hint("annotate")}, or ${hint("annotate import FILE")}` });
  }
  await using opened = await openStage(input, { locks: ["judge", "link"] });
  const { inspected, judged, linked } = await annotate(opened.context, nothingUpstream);
  return stageResult(opened.context.db, input, {
    done: tellLinked(opened.context, linked),
    stopped: inspected.stopped || judged.stopped || linked.stopped,
    pairSet: opened.context.config.export.pairs,
  });
}

async function importFile(input: CommandInput, file: string | undefined): Promise<CommandResult> {
  const hint = hintFor(input);
  if (file === undefined) throw new ConfigError("Cannot import votes: no file given", { hint: hint("annotate import votes.jsonl") });
  await using opened = await openContext(input, { locks: ["link"], planned: true });
  const { db, config } = opened.context;
  const skipBad = input.options["skipBad"] === true;
  const result = await importVotes(resolve(file), { db, config, skipBad, signal: input.signal });
  for (const problem of result.problems) {
    input.log.warn(`${file}:${problem.line}: ${problem.reason}: ${problem.message}`);
    input.show({ event: "vote_problem", ...problem }, null);
  }
  const bad = Object.values(result.refused).reduce((sum, count) => sum + count, 0);
  if (bad > result.problems.length) input.log.warn(`… and ${bad - result.problems.length} more`);
  const { imported, already, refused } = result;
  const leftOut = bad > 0 ? `; ${counted(bad, "line")} left out: ${byReason(refused)}` : "";
  const isNothing = bad > 0 && !skipBad;
  input.show(
    { event: "votes", imported, already, refused },
    isNothing ? null : `${counted(imported, "vote")} imported, ${already} ${already === 1 ? "was" : "were"} there already${leftOut}`,
  );
  if (isNothing) {
    throw new ConfigError(`Cannot import ${file}: ${counted(bad, "line")} cannot be imported (${byReason(refused)}), so nothing was`, {
      hint: `mend ${bad === 1 ? "it" : "them"} (docs/votes.md), or leave ${bad === 1 ? "it" : "them"} out: ${hint(`annotate import ${shellWord(file)} --skip-bad`)}`,
    });
  }
  return { exit: bad > 0 ? EXIT.incomplete : EXIT.done, counts: { ...datasetCounts(opened.context), imported, already, bad } };
}

function byReason(refused: ImportVotesResult["refused"]): string {
  return Object.entries(refused)
    .map(([reason, count]) => `${count} ${reason}`)
    .join(", ");
}
