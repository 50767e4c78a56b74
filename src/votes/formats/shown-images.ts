import type { Json } from "../../lib/exact-json.ts";

/** What may name an image: an image_id at the end of a URI or path, or a file's SHA-256. */
const NAMES_IMAGE = /(?:^|[/\\])i_[0-9a-f]{32}(?:\.[A-Za-z0-9]+)?(?:[?#].*)?$|^[0-9a-f]{64}$/i;

/** A name without what a server adds to it. */
export function bareName(name: string): string {
  return name.replace(/[?#].*$/, "");
}

/** Places of a record that hold a picture, in the order in which the tool shows them: `image1`, `image_2`, …, else as they stand. */
export function shownImages(fields: Readonly<Record<string, Json>>): ReadonlyMap<string, string> {
  const found = Object.entries(fields).flatMap(([place, value]): (readonly [string, string])[] =>
    typeof value === "string" && NAMES_IMAGE.test(value) ? [[place, bareName(value)]] : [],
  );
  const numberOf = (place: string): number => Number(/^image_?(\d+)$/.exec(place)?.[1] ?? Number.NaN);
  const isNumbered = found.every(([place]) => !Number.isNaN(numberOf(place)));
  return new Map(isNumbered ? found.toSorted(([first], [second]) => numberOf(first) - numberOf(second)) : found);
}
