export interface VotingRules {
  /** Votes that every comparison gets. */
  readonly overlap: number;
  /** Votes that a split one gets at most. */
  readonly maxVotes: number;
}

export interface Settled {
  readonly state: "open" | "done" | "disputed";
  /** Votes that there have to be before it is looked at again. */
  readonly wanted: number;
}

/**
 * Says whether a comparison has the votes it needs: `overlap`, and one more at a time while no outcome has more than half of them, up to
 * `maxVotes`, where it counts as disputed. One vote alone is never split.
 * @param outcomes of the votes that count, skips left out.
 */
export function settleComparison(outcomes: readonly string[], { overlap, maxVotes }: VotingRules): Settled {
  const votes = outcomes.length;
  if (votes < overlap) return { state: "open", wanted: overlap };
  const counts = [...Map.groupBy(outcomes, (outcome) => outcome).values()].map((same) => same.length);
  const isSplit = Math.max(...counts) * 2 <= votes;
  if (!isSplit) return { state: "done", wanted: votes };
  return votes < maxVotes ? { state: "open", wanted: votes + 1 } : { state: "disputed", wanted: votes };
}
