import { resolve } from "node:path";
import { ConfigError, EXIT } from "../../errors.ts";
import { counted } from "../../lib/words.ts";
import { shellWord } from "../command-hint.ts";
import { hintFor, openContext } from "../open-context.ts";
import { importVotes, type ImportVotesResult } from "../../votes/import-votes.ts";
import type { CommandResult } from "../command.ts";
import type { InputOf } from "../registry.ts";
import { datasetCounts } from "../stage-result.ts";

/** `annotate import FILE`: imports people's votes from the file of any tool whose format is known. */
export async function importFile(input: InputOf<"annotate">, file: string | undefined): Promise<CommandResult> {
  const hint = hintFor(input);
  if (file === undefined) throw new ConfigError("Cannot import votes: no file given", { hint: hint("annotate import votes.jsonl") });
  const { format = null, source, map, skipBad } = input.options;
  const columns = parseColumnMap(map);
  await using opened = await openContext(input, { locks: ["link"], planned: true });
  const { db, config } = opened.context;
  const result = await importVotes(resolve(file), {
    db,
    config,
    skipBad,
    columns,
    format,
    ...(source === undefined ? {} : { source }),
    signal: input.signal,
  });
  const bad = reportProblems(input, file, result);
  const { imported, already, passedOver, refused } = result;
  // A whole array may be one line, so problems are counted in records.
  const what = (result.problems[0]?.record ?? null) === null ? result.unit : "record";
  const leftOut = bad > 0 ? `; ${counted(bad, what)} left out: ${formatReasons(refused)}` : "";
  const isNothing = bad > 0 && !skipBad;
  const passed = Object.keys(passedOver).length > 0 ? `; passed over: ${formatReasons(passedOver)}` : "";
  input.show(
    { event: "votes", format: result.format, imported, already, passed_over: passedOver, refused },
    isNothing
      ? null
      : `${counted(imported, "vote")} imported, ${already} ${already === 1 ? "was" : "were"} there already${passed}${leftOut}`,
  );
  if (isNothing) {
    const isProject = result.format !== "jsonl" && refused["other-vote"] !== undefined;
    const other = isProject ? "; if they belong to another project, name it with --source NAME" : "";
    throw new ConfigError(`Cannot import ${file}: ${counted(bad, what)} cannot be imported (${formatReasons(refused)}), so nothing was`, {
      hint: `correct ${bad === 1 ? "it" : "them"} (docs/votes.md), or leave ${bad === 1 ? "it" : "them"} out: ${hint(`annotate import ${shellWord(file)} --skip-bad`)}${other}`,
    });
  }
  return { exit: bad > 0 ? EXIT.incomplete : EXIT.done, counts: { ...datasetCounts(opened.context), imported, already, bad } };
}

/** Logs the problems that the result lists, and returns how many there are in all. */
function reportProblems(input: InputOf<"annotate">, file: string, { problems, refused, unit }: ImportVotesResult): number {
  for (const { position, record, reason, message } of problems) {
    const place = unit === "line" ? `${file}:${position}` : `${file}, ${unit} ${position}`;
    const where = record === null ? place : `${place}, record ${record}`;
    input.log.warn(`${where}: ${reason}: ${message}`);
    input.show({ event: "vote_problem", line: position, unit, record, reason, message }, null);
  }
  const bad = Object.values(refused).reduce((sum, count) => sum + count, 0);
  if (bad > problems.length) input.log.warn(`… and ${bad - problems.length} more`);
  return bad;
}

function formatReasons(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([reason, count]) => `${count} ${reason}`)
    .join(", ");
}

/**
 * Parses `image_0_uid=left,label_0=won` into our name → the file's name. @throws {ConfigError} if the text has another form or names a
 * column twice.
 */
export function parseColumnMap(text: string | undefined): Readonly<Record<string, string>> {
  if (text === undefined) return {};
  const pairs = text.split(",").map((pair) => {
    const [, ours, theirs] = /^\s*([^=]+?)\s*=\s*(.+?)\s*$/.exec(pair) ?? [];
    if (ours === undefined || theirs === undefined)
      throw new ConfigError(`Cannot map ${JSON.stringify(pair)}: expected OURS=THEIRS`, {
        hint: "for example --map image_0_uid=left,image_1_uid=right",
      });
    return [ours, theirs] as const;
  });
  const names = pairs.map(([ours]) => ours);
  const twice = names.find((name, index) => names.indexOf(name) < index);
  if (twice !== undefined) throw new ConfigError(`Cannot map ${twice} twice`, { hint: "name each of our columns once in --map" });
  return Object.fromEntries(pairs);
}
