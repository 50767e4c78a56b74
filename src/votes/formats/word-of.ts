import { stringifyExact, type Json } from "../../lib/exact-json.ts";

/** A JSON value as a word: text as it is, nothing as "". */
export function wordOf(value: Json | undefined): string {
  if (value === undefined || value === null) return "";
  return typeof value === "string" ? value : stringifyExact(value);
}
