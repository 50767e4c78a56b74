import type { LinkResult } from "../stages/link/tally.ts";

/** What linking found, one sentence. */
export function describeLinked({ reports, groups, pending }: LinkResult): string {
  const rows = reports.map(({ pairSet, criterion, linked }) => {
    const sources = Object.entries(linked).map(([source, count]) => `${count} by ${source}`);
    return `${pairSet}/${criterion}: ${sources.join(", ") || "none"}`;
  });
  return `Linked ${groups} prompts (${rows.join("; ")})${pending > 0 ? `; ${pending} prompts are not final yet` : ""}`;
}
