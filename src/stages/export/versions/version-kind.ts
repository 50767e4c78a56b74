import type { VersionKind } from "../../../db/queries/export/exports.ts";
import type { ParsedManifest } from "../make/manifest.ts";

export interface KindFacts {
  /** Prompts that the dataset has today. */
  readonly prompts: number;
}

type Claims = Pick<ParsedManifest, "kind" | "since" | "complete" | "counts" | "drops">;

/**
 * Tells what a version is of. Manifests of earlier programs do not say it: there, what builds on another version is a part, and what is complete
 * is whole. What is not complete lacked prompts, or images and votes: it counts as whole where rows and drops speak of every prompt.
 */
export function kindOf({ kind, since, complete, counts, drops }: Claims, { prompts }: KindFacts): VersionKind {
  if (kind !== null) return kind;
  if (since !== undefined) return "part";
  if (complete) return "whole";
  const dropped = Object.values(drops["prompt"] ?? {}).reduce((sum, count) => sum + count, 0);
  return counts.prompts + dropped >= prompts ? "whole" : "trial";
}
