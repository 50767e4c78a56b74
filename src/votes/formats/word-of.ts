import type { Json } from "../../lib/exact-json.ts";

/** A JSON value as a word: text as it is; nothing, lists and objects as "", which is no word of any tool. */
export function wordOf(value: Json | undefined): string {
  return value === undefined || value === null || typeof value === "object" ? "" : String(value);
}
