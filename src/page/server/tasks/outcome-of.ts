interface Chosen {
  readonly kind: "choice" | "tie" | "both_bad" | "skip";
  /** Best first. */
  readonly ranking: readonly (readonly string[])[];
}

/** What votes on the same images are compared by: the image_ids at the top, sorted, or the kind. Two votes that say the same have the same. */
export function outcomeOf({ kind, ranking }: Chosen): string {
  return kind === "choice" ? (ranking[0] ?? []).toSorted().join() : kind;
}
