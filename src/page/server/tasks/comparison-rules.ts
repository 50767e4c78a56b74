import type { Config } from "../../../config/schema.ts";
import { identityHash, type Json } from "../../../lib/exact-json.ts";
import type { PlanRules } from "./plan-comparisons.ts";

export interface VotingRules {
  /** Votes that every comparison gets. */
  readonly overlap: number;
  /** Most votes that a comparison gets whose votes are split. */
  readonly maxVotes: number;
}

/** The part of the configuration that decides what people compare, and how often. */
export interface ComparisonRules extends PlanRules, VotingRules {
  readonly criteria: readonly string[];
  readonly filters: Config["annotate"]["filters"];
  /** `across` of the pair set that is exported. Images that can never be a pair are not compared. */
  readonly across: "any" | "within";
  /** `min_votes` of that pair set; 0 if it does not use people's votes. */
  readonly minVotes: number;
  /** The judge whose scores say what is uncertain. Null if there is none. */
  readonly judge: string | null;
  /** Hash of everything above. Prompts that were compared under other rules are planned again. */
  readonly hash: string;
}

/** Reads the rules from the configuration. */
export function readComparisonRules({ annotate, export: { pairs: pairSet } }: Pick<Config, "annotate" | "export">): ComparisonRules {
  const { people, criteria, filters, judges, pairs } = annotate;
  const exported = pairs[pairSet];
  const across = exported?.across === "within" ? "within" : "any";
  // Prefer a judge of taste. A technical one says nothing about taste, but is better than none for telling blurred images apart.
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
