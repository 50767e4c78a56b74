import type { Config } from "../../config/schema.ts";
import { combinationOf } from "../../stages/annotate/link/link-rules.ts";
import { sourcesOf, technicalSources } from "../../stages/annotate/link/sources.ts";
import type { Finding } from "./finding.ts";

/** Who links the pair set that is exported: sources that stand in `from` and never come to decide are told as such. */
export function describePairs({ annotate, export: { pairs: pairSet } }: Pick<Config, "annotate" | "export">): Finding {
  const from = annotate.pairs[pairSet]?.from ?? [];
  // Judges are not opened for this: one whose question is missing has a line of its own.
  const judges = annotate.judges.map(({ name, kind }) => ({ name, technical: kind === "builtin" }));
  const technical = technicalSources(judges, combinationOf(annotate));
  const linking = sourcesOf({ from, technical, anyVote: false });
  const afterVotes = sourcesOf({ from, technical, anyVote: true });
  const never = from.filter((source) => !linking.includes(source));
  const before = linking.filter((source) => !afterVotes.includes(source));
  const text = [
    `${pairSet} is linked by ${linking.join(", then ") || "nobody"}`,
    ...(never.length > 0 ? [` (never by ${never.join(" or ")}: a technical score, beside others)`] : []),
    ...(before.length > 0 ? [` (${before.join(" and ")} only until somebody votes)`] : []),
    otherCriteria(annotate.criteria.slice(1), from),
  ];
  return { what: "pairs", ok: true, text: text.join("") };
}

/** Judges decide under the first criterion alone. */
function otherCriteria(others: readonly string[], from: readonly string[]): string {
  if (others.length === 0 || from.every((source) => source === "people")) return "";
  return `; under ${others.join(" and ")} by ${from.includes("people") ? "people alone" : "nobody"}`;
}
