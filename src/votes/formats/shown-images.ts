import type { Json } from "../../lib/exact-json.ts";
import { bareName, imageIdIn } from "../image-name.ts";
import { orderedPlaces } from "./ordered-places.ts";

const SHA256 = /^[0-9a-f]{64}$/i;

/** Places of a record that hold an image, in the order that their names tell, else as they stand. */
export function shownImages(fields: Readonly<Record<string, Json>>): ReadonlyMap<string, string> {
  const found = new Map(
    Object.entries(fields).flatMap(([place, value]): (readonly [string, string])[] => {
      const name = typeof value === "string" ? bareName(value) : "";
      return SHA256.test(name) || imageIdIn(name) !== undefined ? [[place, name]] : [];
    }),
  );
  const order = orderedPlaces([...found.keys()]);
  return order === null ? found : new Map(order.map((place) => [place, found.get(place) ?? ""]));
}
