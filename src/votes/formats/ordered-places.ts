const SIDES = new Map([
  ["left", 0],
  ["right", 1],
  ["first", 0],
  ["second", 1],
  ["a", 0],
  ["b", 1],
  ["c", 2],
  ["d", 3],
]);

/** Where words begin: after a separator, at a capital, at a digit. */
const WORDS = /[_\-\s]+|(?<=[a-z])(?=[A-Z])|(?<=[A-Za-z])(?=\d)/;

/**
 * Places in the order that their names tell: `image_1`, `image_2`; `left_url`, `right_url`; `urlA`, `urlB`. Null where they tell none: tools
 * keep no order of keys (Postgres' jsonb sorts them), so that "left" would be a guess, and half of the guesses turn votes round.
 */
export function orderedPlaces(places: readonly string[]): readonly string[] | null {
  const words = places.map((place) => place.split(WORDS).map((word) => word.toLowerCase()));
  const [first = [], ...others] = words;
  const differing = first.flatMap((word, index) => (others.some((other) => other[index] !== word) ? [index] : []));
  const [at, second] = differing;
  if (at === undefined || second !== undefined || others.some(({ length }) => length !== first.length)) return null;
  const ranks = words.map((one) => SIDES.get(one[at] ?? "") ?? (/^\d+$/.test(one[at] ?? "") ? Number(one[at]) : null));
  const ranked = places.flatMap((place, index) => {
    const rank = ranks[index] ?? null;
    return rank === null ? [] : [{ place, rank }];
  });
  if (ranked.length < places.length || new Set(ranks).size < places.length) return null;
  return ranked.toSorted((one, other) => one.rank - other.rank).map(({ place }) => place);
}
