import { isJsonObject, type Json } from "../lib/exact-json.ts";
import type { Path } from "./path.ts";
import { pairsPolicySchema } from "./schema.ts";

/**
 * `annotate.pairs` given as one mapping alone is the set `main`. A set is a mapping, a setting is not, but for `across`
 * ({chosen, rejected}): so any value that is no set makes the whole one set.
 */
export function wrapLonePairs(config: Json): { readonly config: Json; readonly wrapped: boolean } {
  const annotate = isJsonObject(config) ? config["annotate"] : undefined;
  const given = isJsonObject(annotate) ? annotate["pairs"] : undefined;
  // `pairs:` with all its keys commented out.
  const pairs = given === null ? {} : given;
  if (!isJsonObject(config) || !isJsonObject(annotate) || !isJsonObject(pairs) || !isLone(pairs)) return { config, wrapped: false };
  return { config: { ...config, annotate: { ...annotate, pairs: { main: pairs } } }, wrapped: true };
}

/** Returns the path of a set's settings, as the user wrote it. */
export function pathOfSet(set: string, { wrapped }: { readonly wrapped: boolean }): Path {
  return asWritten(["annotate", "pairs", set], wrapped);
}

/** Returns a path as the user wrote it, without the step that `wrapLonePairs` put in between. */
export function asWritten(path: Path, wrapped: boolean): Path {
  const [annotate, pairs, main, ...rest] = path;
  return wrapped && annotate === "annotate" && pairs === "pairs" && main === "main" ? [annotate, pairs, ...rest] : path;
}

function isLone(pairs: { readonly [key: string]: Json }): boolean {
  const entries = Object.entries(pairs);
  return entries.length === 0 || entries.some(([key, value]) => isSetting(key, value));
}

function isSetting(key: string, value: Json): boolean {
  if (value === null) return Object.hasOwn(pairsPolicySchema.shape, key); // A key with nothing after it: `main:` is a set of defaults.
  return !isJsonObject(value) || (key === "across" && (Object.hasOwn(value, "chosen") || Object.hasOwn(value, "rejected")));
}
