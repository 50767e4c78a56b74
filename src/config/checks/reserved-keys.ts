import { isJsonArray, isJsonObject, type Json } from "../../lib/exact-json.ts";
import { formatPath, type Path } from "../path.ts";
import type { Problem } from "../problem.ts";

/** The one key that JavaScript's objects do not simply hold: zod passes over it, and what it says would be lost without a word. */
const RESERVED = "__proto__";

/** Finds keys that no part of the program could see. */
export function reservedKeys(value: Json, path: Path = []): readonly Problem[] {
  if (isJsonArray(value)) return value.flatMap((item, index) => reservedKeys(item, [...path, index]));
  if (!isJsonObject(value)) return [];
  return Object.entries(value).flatMap(([key, item]): readonly Problem[] => {
    const here = [...path, key];
    if (key === RESERVED) return [{ path: here, part: "key", message: `${formatPath(here)} is no name that anything can have` }];
    return reservedKeys(item, here);
  });
}
