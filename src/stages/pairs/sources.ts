import type { Judge } from "../../judges/judge.ts";

export interface SourceFacts {
  /** `pairs.from`. */
  readonly from: readonly string[];
  readonly judges: readonly Pick<Judge, "name" | "technical">[];
  /** True if anyone has voted under this criterion, on any prompt. */
  readonly anyVote: boolean;
}

/**
 * The sources that may link, in order. A technical judge links only where it is the only source there is: as soon as people voted
 * on anything, or a judge of preference stands beside it, its rows would be noise among preferences.
 */
export function sourcesOf({ from, judges, anyVote }: SourceFacts): readonly string[] {
  const technical = new Set(judges.filter((judge) => judge.technical).map(({ name }) => name));
  const preferring = from.filter((source) => !technical.has(source));
  const others = preferring.filter((source) => source !== "people" || anyVote);
  return others.length > 0 ? preferring : from;
}
