/** A pair that has met, and how it ended. */
export interface Match {
  readonly images: readonly [string, string];
  /** Null: a tie. */
  readonly winner: string | null;
}

/**
 * The next round of a Swiss tournament: images with equally many wins meet, none twice. A tie is half a win for each; of an odd number
 * the last pauses. Where no new opponent is left, an image pauses, too.
 * @param images all images of the tournament.
 */
export function swissRound(images: readonly string[], matches: readonly Match[]): readonly (readonly [string, string])[] {
  const wins = new Map(images.map((imageId) => [imageId, 0]));
  const met = new Set<string>();
  for (const { images: pair, winner } of matches) {
    met.add(keyOf(...pair));
    for (const imageId of pair) wins.set(imageId, (wins.get(imageId) ?? 0) + (winner === null ? 0.5 : winner === imageId ? 1 : 0));
  }
  const standing = images.toSorted((first, second) => (wins.get(second) ?? 0) - (wins.get(first) ?? 0) || (first < second ? -1 : 1));
  const pairs: [string, string][] = [];
  while (standing.length > 1) {
    const first = standing.shift();
    const at = standing.findIndex((second) => first !== undefined && !met.has(keyOf(first, second)));
    const second = at < 0 ? undefined : standing.splice(at, 1)[0];
    if (first !== undefined && second !== undefined) pairs.push(first < second ? [first, second] : [second, first]);
  }
  return pairs;
}

function keyOf(first: string, second: string): string {
  return first < second ? `${first} ${second}` : `${second} ${first}`;
}
