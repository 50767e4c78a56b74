import type { Judge } from "../../../judges/judge.ts";
import type { Combination, LinkRules } from "./group-facts.ts";
import { listCombinedJudges } from "../../../config/judge-roles.ts";
import type { Config, PairsPolicy } from "../../../config/schema.ts";

interface RuleNeeds {
  readonly annotate: Config["annotate"];
  readonly policy: PairsPolicy;
  readonly judges: readonly Pick<Judge, "name" | "technical">[];
  readonly criterion: string;
  /** True if anyone has voted under this criterion, on any prompt. */
  readonly anyVote: boolean;
}

/**
 * How a pair set links under one criterion. No judge is told of a criterion: under each it would give the same rows again, so that judges
 * decide under the first alone. Under another there may be no source left.
 */
export function planLinkRules({ annotate, policy, judges, criterion, anyVote }: RuleNeeds): LinkRules {
  const combination = readCombination(annotate);
  const technical = findTechnicalSources(judges, combination);
  const from = criterion === annotate.criteria[0] ? policy.from : policy.from.filter((source) => source === "people");
  return { policy, filters: annotate.filters, combination, sources: chooseSources({ from, technical, anyVote }) };
}

export function readCombination(annotate: Config["annotate"]): Combination {
  return { method: annotate.combine.method, judges: listCombinedJudges(annotate) };
}

export interface SourceFacts {
  /** `pairs.from`. */
  readonly from: readonly string[];
  /** Names of sources that say nothing of preference, see `findTechnicalSources`. */
  readonly technical: ReadonlySet<string>;
  /** True if anyone has voted under this criterion, on any prompt. */
  readonly anyVote: boolean;
}

/**
 * The sources that may link, in order. A technical source links only where it is the only one there is: as soon as people voted
 * on anything, or a judge of preference stands beside it, its rows would be noise among preferences.
 */
export function chooseSources({ from, technical, anyVote }: SourceFacts): readonly string[] {
  const preferring = from.filter((source) => !technical.has(source));
  const others = preferring.filter((source) => source !== "people" || anyVote);
  return others.length > 0 ? preferring : from;
}

/** The sources that measure images and know nothing of what people like: technical judges, and a combination of nothing else. */
export function findTechnicalSources(
  judges: readonly Pick<Judge, "name" | "technical">[],
  { judges: members }: Combination,
): ReadonlySet<string> {
  const technical = new Set(judges.filter((judge) => judge.technical).map(({ name }) => name));
  if (members.length > 0 && members.every(({ judge }) => technical.has(judge))) technical.add("combined");
  return technical;
}

/** What a row of this source says: `people`, `combined` or `judge:<name>`. */
export function rowSourceOf(source: string): string {
  return source === "people" || source === "combined" ? source : `judge:${source}`;
}

/** Of rows by source: those that only measures of the image decided, which is nobody's preference. */
export function countTechnicalRows(
  rows: Readonly<Record<string, number>>,
  technical: ReadonlySet<string>,
): readonly (readonly [source: string, count: number])[] {
  return [...technical].map((name) => [rowSourceOf(name), rows[rowSourceOf(name)] ?? 0] as const).filter(([, count]) => count > 0);
}
