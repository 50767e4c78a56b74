/** What a vote says of two images: which of them is preferred, or neither. */
export interface PairPreference {
  /** Both image_ids in order: the same whoever was shown them where. */
  readonly pair: string;
  /** `first` and `second` go by image_id, not by place: people who all prefer the left one do not agree for that. */
  readonly preferred: "first" | "second" | "neither";
}

export interface ComparedVote {
  readonly kind: "choice" | "tie" | "both_bad" | "skip";
  readonly shown: readonly string[];
  /** Best first; shown images that are in none come after all others, in no order among themselves. */
  readonly ranking: readonly (readonly string[])[];
}

/** Every pair of images that a vote orders, or says to be equally good or bad. A skip says nothing. */
export function preferencesIn({ kind, shown, ranking }: ComparedVote): readonly PairPreference[] {
  if (kind === "skip") return [];
  const tiers = kind === "both_bad" ? [shown] : ranking;
  const tierOf = new Map(tiers.flatMap((tier, index) => tier.map((imageId) => [imageId, index] as const)));
  const ids = shown.toSorted();
  return ids.flatMap((first, index) =>
    ids.slice(index + 1).flatMap((second): PairPreference[] => {
      const [one, other] = [tierOf.get(first) ?? Infinity, tierOf.get(second) ?? Infinity];
      if (one === Infinity && other === Infinity) return []; // A choice of the best says nothing of the others.
      return [{ pair: `${first} ${second}`, preferred: one === other ? "neither" : one < other ? "first" : "second" }];
    }),
  );
}
