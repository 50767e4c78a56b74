import type { Json } from "../../lib/exact-json.ts";
import { orderedPlaces } from "./ordered-places.ts";

/** What may name an image: an image_id at the end of a URI or path, or a file's SHA-256. */
const NAMES_IMAGE = /(?:^|[/\\])i_[0-9a-f]{32}(?:\.[A-Za-z0-9]+)?(?:[?#].*)?$|^[0-9a-f]{64}$/i;

/** A name without what a server adds to it. */
export function bareName(name: string): string {
  return name.replace(/[?#].*$/, "");
}

/** Places of a record that hold a picture, in the order that their names tell, else as they stand. */
export function shownImages(fields: Readonly<Record<string, Json>>): ReadonlyMap<string, string> {
  const found = new Map(
    Object.entries(fields).flatMap(([place, value]): (readonly [string, string])[] =>
      typeof value === "string" && NAMES_IMAGE.test(value) ? [[place, bareName(value)]] : [],
    ),
  );
  const order = orderedPlaces([...found.keys()]);
  return order === null ? found : new Map(order.map((place) => [place, found.get(place) ?? ""]));
}
