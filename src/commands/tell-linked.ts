import type { Context } from "../context.ts";
import type { LinkResult } from "../stages/link/tally.ts";

/** What linking found, one sentence. Warns where pictures were told apart by a technical score alone, which is nobody's preference. */
export function tellLinked({ log, judges }: Pick<Context, "log" | "judges">, { reports, groups, pending }: LinkResult): string {
  for (const { name } of judges.filter(({ technical }) => technical)) {
    const rows = reports.reduce((sum, { linked }) => sum + (linked[`judge:${name}`] ?? 0), 0);
    if (rows > 0) log.warn(technicalWarning(name, rows));
  }
  const rows = reports.map(({ pairSet, criterion, linked }) => {
    const sources = Object.entries(linked).map(([source, count]) => `${count} by ${source}`);
    return `${pairSet}/${criterion}: ${sources.join(", ") || "none"}`;
  });
  return `Linked ${groups} prompts (${rows.join("; ")})${pending > 0 ? `; ${pending} prompts are not final yet` : ""}`;
}

function technicalWarning(name: string, rows: number): string {
  return (
    `${rows} rows were decided by ${name} alone: a technical score (sharpness, contrast, entropy) that knows nothing of the prompt or of ` +
    "what people like. Before training, take votes: pnpm pipeline annotate import votes.jsonl"
  );
}
