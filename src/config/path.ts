import { isJsonArray, isJsonObject, type Json } from "../lib/exact-json.ts";

/** Keys and list indexes from the top of the configuration. */
export type Path = readonly (string | number)[];

/** Formats a path as users write it: `servers[0].url`, `annotate.pairs["my set"]`. */
export function formatPath(path: Path): string {
  return path
    .map((step, index) => {
      if (typeof step === "number") return `[${step}]`;
      if (!/^[\p{L}\p{N}_-]+$/u.test(step)) return `[${JSON.stringify(step)}]`;
      return index === 0 ? step : `.${step}`;
    })
    .join("");
}

/** Returns the value at a path, undefined if there is none. */
export function valueAt(value: Json, path: Path): Json | undefined {
  let found: Json | undefined = value;
  for (const step of path) {
    if (typeof step === "number" && isJsonArray(found)) found = found[step];
    else if (typeof step === "string" && isJsonObject(found) && Object.hasOwn(found, step)) found = found[step];
    else return undefined;
  }
  return found;
}
