import { isJsonArray, isJsonObject, type Json } from "../lib/exact-json.ts";
import type { Path } from "./path.ts";

/** What a configuration has at a path, undefined if nothing. */
export function valueAt(value: Json, path: Path): Json | undefined {
  let found: Json | undefined = value;
  for (const step of path) {
    if (typeof step === "number" && isJsonArray(found)) found = found[step];
    else if (typeof step === "string" && isJsonObject(found) && Object.hasOwn(found, step)) found = found[step];
    else return undefined;
  }
  return found;
}
