import type { Config } from "../../../config/schema.ts";
import { identityHash, type Json } from "../../../lib/exact-json.ts";
import type { PlanRules } from "./plan-comparisons.ts";

export interface VotingRules {
  /** Votes that every comparison gets. */
  readonly overlap: number;
  /** Votes that a split one gets at most. */
  readonly maxVotes: number;
}

/** All of the configuration that decides what people compare, and how often. */
export interface ComparisonRules extends PlanRules, VotingRules {
  readonly criteria: readonly string[];
  readonly filters: Config["annotate"]["filters"];
  /** Of the pair set that is exported: what can never be a pair is not worth asking. */
  readonly across: "any" | "within";
  /** Of that pair set; 0 where people are none of its sources. */
  readonly minVotes: number;
  /** Judge whose scores say what is uncertain; null where there is none. */
  readonly judge: string | null;
  /** H of all above: prompts that were looked at under other rules are looked at again. */
  readonly hash: string;
}

export function readComparisonRules({ annotate, export: { pairs: pairSet } }: Pick<Config, "annotate" | "export">): ComparisonRules {
  const { people, criteria, filters, judges, pairs } = annotate;
  const exported = pairs[pairSet];
  const across = exported?.across === "within" ? "within" : "any";
  // A technical judge says nothing of what people like, but of two blurred images it knows as little.
  const judge = (judges.find(({ kind }) => kind !== "builtin") ?? judges[0])?.name ?? null;
  const rules = {
    task: people.task,
    order: people.order,
    overlap: people.overlap,
    maxVotes: people.max_votes,
    minVotes: exported?.from.includes("people") === true ? exported.min_votes : 0,
    criteria,
    filters,
    across,
    judge,
  } as const;
  const hashed = { ...rules, filters: { ...filters, flagged: filters.flagged ?? null } };
  return { ...rules, hash: identityHash(hashed satisfies Json) };
}
