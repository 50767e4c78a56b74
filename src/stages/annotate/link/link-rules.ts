import { combinedJudges } from "../../../config/judge-roles.ts";
import type { Config, PairsPolicy } from "../../../config/schema.ts";
import type { Judge } from "../../../judges/judge.ts";
import type { Combination } from "./group-facts.ts";
import type { LinkRules } from "./group-facts.ts";
import { sourcesOf, technicalSources } from "./sources.ts";

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
export function linkRules({ annotate, policy, judges, criterion, anyVote }: RuleNeeds): LinkRules {
  const combination = combinationOf(annotate);
  const technical = technicalSources(judges, combination);
  const from = criterion === annotate.criteria[0] ? policy.from : policy.from.filter((source) => source === "people");
  return { policy, filters: annotate.filters, combination, sources: sourcesOf({ from, technical, anyVote }) };
}

export function combinationOf(annotate: Config["annotate"]): Combination {
  return { method: annotate.combine.method, judges: combinedJudges(annotate) };
}
