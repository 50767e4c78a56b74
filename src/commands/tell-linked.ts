import type { Context } from "../context.ts";
import { commandHint } from "../lib/command-hint.ts";
import { counted } from "../lib/counted.ts";
import type { LinkResult } from "../stages/link/tally.ts";

/** What linking found, one sentence. Warns where pictures were told apart by a technical score alone, which is nobody's preference. */
export function tellLinked(
  { log, judges, config }: Pick<Context, "log" | "judges" | "config">,
  { reports, groups, pending }: LinkResult,
): string {
  for (const { name } of judges.filter(({ technical }) => technical)) {
    const rows = reports.reduce((sum, { linked }) => sum + (linked[`judge:${name}`] ?? 0), 0);
    if (rows > 0) log.warn(`${technicalWarning(name, rows)} ${commandHint("annotate import votes.jsonl", config.configFile)}`);
  }
  const rows = reports.map(({ pairSet, criterion, linked }) => {
    const sources = Object.entries(linked).map(([source, count]) => `${count} by ${source}`);
    return `${pairSet}/${criterion}: ${sources.join(", ") || "none"}`;
  });
  const open = pending > 0 ? `; ${counted(pending, "prompt")} ${pending === 1 ? "is" : "are"} not final yet` : "";
  return `Linked ${counted(groups, "prompt")} (${rows.join("; ")})${open}`;
}

function technicalWarning(name: string, rows: number): string {
  return (
    `${counted(rows, "row")} ${rows === 1 ? "was" : "were"} decided by ${name} alone: a technical score (sharpness, contrast, entropy) that knows nothing of the prompt or of ` +
    "what people like. Before training, take votes:"
  );
}
