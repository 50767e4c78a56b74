import { resolve } from "node:path";
import { ConfigError, EXIT } from "../errors.ts";
import { openContext } from "../open-context.ts";
import { annotate } from "../stages/annotate.ts";
import { nothingUpstream } from "../stages/stage.ts";
import { importVotes } from "../votes/import-votes.ts";
import type { CommandInput, CommandResult } from "./command.ts";
import { tellLinked } from "./tell-linked.ts";
import { openStage } from "./open-stage.ts";
import { stageResult } from "./stage-result.ts";

const LATER = new Set(["serve", "export-tasks", "invite", "people", "revoke", "exclude", "forget"]);

export async function run(input: CommandInput): Promise<CommandResult> {
  const [action, file] = input.args;
  if (action === "import") return importFile(input, file);
  if (action !== undefined && LATER.has(action)) throw new ConfigError(`Cannot annotate ${action}: it comes with a later version`);
  if (action !== undefined)
    throw new ConfigError(`Cannot annotate ${action}: no such action`, { hint: "annotate, or annotate import FILE" });
  await using opened = await openStage(input, { locks: ["judge", "link"] });
  const { inspected, judged, linked } = await annotate(opened.context, nothingUpstream);
  return stageResult(opened.context.db, input, {
    done: tellLinked(opened.context, linked),
    stopped: inspected.stopped || judged.stopped || linked.stopped,
  });
}

async function importFile(input: CommandInput, file: string | undefined): Promise<CommandResult> {
  if (file === undefined) throw new ConfigError("Cannot import votes: no file given", { hint: "annotate import votes.jsonl" });
  await using opened = await openContext(input, { locks: ["link"] });
  const { db, config } = opened.context;
  const result = await importVotes(resolve(file), { db, config, skipBad: input.options["skipBad"] === true });
  for (const { line, reason, message } of result.problems) input.log.warn(`${file}:${line}: ${reason}: ${message}`);
  const bad = Object.values(result.refused).reduce((sum, count) => sum + count, 0);
  input.print(
    `${result.imported} votes imported, ${result.already} were there already${bad > 0 ? `, ${bad} lines cannot be imported` : ""}`,
  );
  if (bad > 0 && input.options["skipBad"] !== true) input.log.warn("Nothing was imported. --skip-bad imports the other lines");
  return { exit: bad > 0 ? EXIT.incomplete : EXIT.done, counts: { imported: result.imported, already: result.already, bad } };
}
