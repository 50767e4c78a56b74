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
 * Plans how a pair set links under one criterion. Judges decide under the first criterion only: they do not know the criterion, so they
 * would give the same rows under each. Under another criterion there may be no source left.
 */
export function planLinkRules({ annotate, policy, judges, criterion, anyVote }: RuleNeeds): LinkRules {
  const combination = readCombination(annotate);
  const technical = findTechnicalSources(judges, combination);
  const from = criterion === annotate.criteria[0] ? policy.from : policy.from.filter((source) => source === "people");
  return { policy, filters: annotate.filters, combination, sources: chooseSources({ from, technical, anyVote }) };
}

/** Reads how several judges become the source `combined`. */
export function readCombination(annotate: Config["annotate"]): Combination {
  return { method: annotate.combine.method, judges: listCombinedJudges(annotate) };
}

export interface SourceFacts {
  /** `pairs.from`. */
  readonly from: readonly string[];
  /** Names of sources that say nothing about preference, see `findTechnicalSources`. */
  readonly technical: ReadonlySet<string>;
  /** True if anyone has voted under this criterion, on any prompt. */
  readonly anyVote: boolean;
}

/**
 * Chooses the sources that may link, in order. A technical source may link only if it is the only source. Once people have voted, or if
 * there is a judge of preference, its rows would be noise among preferences.
 */
export function chooseSources({ from, technical, anyVote }: SourceFacts): readonly string[] {
  const preferring = from.filter((source) => !technical.has(source));
  const others = preferring.filter((source) => source !== "people" || anyVote);
  return others.length > 0 ? preferring : from;
}

/** Finds the sources that measure images and know nothing about preference: technical judges, and a combination of only those. */
export function findTechnicalSources(
  judges: readonly Pick<Judge, "name" | "technical">[],
  { judges: members }: Combination,
): ReadonlySet<string> {
  const technical = new Set(judges.filter((judge) => judge.technical).map(({ name }) => name));
  if (members.length > 0 && members.every(({ judge }) => technical.has(judge))) technical.add("combined");
  return technical;
}

/** Returns the name of a source as rows have it: `people`, `combined` or `judge:<name>`. */
export function rowSourceOf(source: string): string {
  return source === "people" || source === "combined" ? source : `judge:${source}`;
}

/** Counts the rows that only technical sources decided, by source. They are nobody's preference. */
export function countTechnicalRows(
  rows: Readonly<Record<string, number>>,
  technical: ReadonlySet<string>,
): readonly (readonly [source: string, count: number])[] {
  return [...technical].map((name) => [rowSourceOf(name), rows[rowSourceOf(name)] ?? 0] as const).filter(([, count]) => count > 0);
}
