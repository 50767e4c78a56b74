import { commandHint } from "./command-hint.ts";
import type { Context } from "../context.ts";
import { voteQueries } from "../db/queries/annotate/votes.ts";
import { counted } from "../lib/words.ts";
import { rowSourceOf, countTechnicalRows, findTechnicalSources, readCombination } from "../stages/annotate/link/link-rules.ts";
import type { LinkResult } from "../stages/annotate/link/tally.ts";

/** Returns one sentence about what linking found. Warns if a technical score alone decided rows: it is nobody's preference. */
export function reportLinked(
  { db, log, judges, config }: Pick<Context, "db" | "log" | "judges" | "config">,
  { reports, groups, pending, unjudged }: LinkResult,
): string {
  const technical = findTechnicalSources(judges, readCombination(config.annotate));
  for (const name of technical) {
    const rows = reports.reduce((sum, { linked }) => sum + (linked[rowSourceOf(name)] ?? 0), 0);
    if (rows > 0) log.warn(`${technicalWarning(name, rows)} ${commandHint("annotate serve", config.configFile)}`);
  }
  const silent = (config.annotate.pairs[config.export.pairs]?.from ?? []).filter((source) => technical.has(source));
  const waiting = withoutVotes({ db, config, technical }, reports);
  if (waiting > 0) {
    const prompts = `${counted(waiting, "prompt")} ${waiting === 1 ? "has" : "have"} no votes that decide, and no row`;
    const why = `a technical score (${silent.join(", ")}) decides only while nobody has voted on any prompt`;
    log.warn(`${prompts}: ${why}. To vote on the others: ${commandHint("annotate serve", config.configFile)}`);
  }
  const rows = reports.map(({ pairSet, criterion, linked, drops }) => {
    const sources = Object.entries(linked).map(([source, count]) => `${count} by ${source}`);
    const measured = countTechnicalRows(linked, technical).reduce((sum, [, count]) => sum + count, 0);
    const all = Object.values(linked).reduce((sum, count) => sum + count, 0);
    const flags = describeFlags({ images: drops["image"]?.["flagged"] ?? 0, pairs: drops["pair"]?.["flagged"] ?? 0 });
    return `${pairSet}/${criterion}: ${sources.join(", ") || "none"}${technicalNote(measured, all)}${flags === undefined ? "" : `; ${flags}`}`;
  });
  const open = pending > 0 ? `; ${counted(pending, "prompt")} ${pending === 1 ? "is" : "are"} not final yet` : "";
  const judging = unjudged > 0 ? `; ${counted(unjudged, "prompt")} ${unjudged === 1 ? "is" : "are"} not judged yet` : "";
  return `Linked ${counted(groups, "prompt")} (${rows.join("; ")})${open}${judging}`;
}

interface VoteNeeds extends Pick<Context, "db" | "config"> {
  readonly technical: ReadonlySet<string>;
}

/** Counts the prompts of the exported pair set that a technical score would have decided, had nobody voted on others. */
function withoutVotes({ db, config, technical }: VoteNeeds, reports: LinkResult["reports"]): number {
  const { pairs: pairSet } = config.export;
  const [criterion = ""] = config.annotate.criteria;
  const from = config.annotate.pairs[pairSet]?.from ?? [];
  const preferring = from.filter((source) => !technical.has(source));
  if (preferring.length === from.length || preferring.join() !== "people" || !voteQueries(db).anyVoteUnder(criterion)) return 0;
  return reports.find((report) => report.pairSet === pairSet && report.criterion === criterion)?.drops["prompt"]?.["no-verdict"] ?? 0;
}

function technicalWarning(name: string, rows: number): string {
  return (
    `${counted(rows, "row")} ${rows === 1 ? "was" : "were"} decided by ${name} alone: a technical score (sharpness, contrast, entropy) that knows nothing of the prompt or of ` +
    "what people like. Before training, take votes:"
  );
}

/** Says what flags of people cost the pairs; undefined where they cost nothing. */
export function describeFlags({ images, pairs }: { readonly images: number; readonly pairs: number }): string | undefined {
  const costs = [
    ...(images > 0 ? [`${counted(images, "image")} left out`] : []),
    ...(pairs > 0 ? [`${counted(pairs, "pair")} not made, because the better image is flagged`] : []),
  ];
  return costs.length === 0 ? undefined : `flags: ${costs.join(", ")}`;
}

/** Returns a note on rows that a technical score decided. Empty if there are none. */
export function technicalNote(measured: number, rows: number): string {
  if (measured === 0) return "";
  return measured === rows ? " (technical score, not preference)" : ` (${measured} by a technical score, not preference)`;
}
