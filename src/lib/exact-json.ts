import { hash } from "node:crypto";

/** A JSON value whose integers beyond ±(2^53 - 1) are bigints, so that 64-bit seeds keep every digit. */
export type Json = null | boolean | number | bigint | string | readonly Json[] | { readonly [key: string]: Json };

export type JsonObject = { readonly [key: string]: Json };

const INTEGER = /^-?\d+$/;
/** The smallest integer that a double may not hold has 16 digits. */
const LONG_NUMBER = /\d{16}/;

/**
 * Parses JSON without losing digits: integers that a double cannot hold become bigints.
 * @throws {SyntaxError} if the text is not JSON.
 */
export function parseExact(text: string): Json {
  // The reviver makes parsing several times as slow, and most text needs none. JSON.parse returns JSON values.
  if (!LONG_NUMBER.test(text)) return JSON.parse(text) as Json;
  // The reviver returns only JSON values and bigints, which is what Json says.
  return JSON.parse(text, (_key, value, context) => {
    if (typeof value !== "number" || Number.isSafeInteger(value) || context.source === undefined) return value;
    return INTEGER.test(context.source) ? BigInt(context.source) : value;
  }) as Json;
}

/** Writes what `parseExact` reads: bigints as bare integers. `indent` as in JSON.stringify. */
export function stringifyExact(value: Json, indent?: number): string {
  return JSON.stringify(value, (_key, item: unknown) => (typeof item === "bigint" ? JSON.rawJSON(item.toString()) : item), indent);
}

/** Canonical JSON: sorted keys (by UTF-16 code unit), exact integers, no white space. Equal values give equal text. */
export function canonicalJson(value: Json): string {
  if (typeof value === "bigint") return value.toString();
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  if (isJsonArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  const fields = Object.keys(value)
    .toSorted()
    .map((key) => `${JSON.stringify(key)}:${canonicalJson(value[key] ?? null)}`);
  return `{${fields.join(",")}}`;
}

/** The identity hash H: first 32 hex digits of SHA-256 over canonical JSON in UTF-8. */
export function identityHash(value: Json): string {
  return hash("sha256", canonicalJson(value), "hex").slice(0, 32);
}

/** Array.isArray does not narrow readonly arrays. */
export function isJsonArray(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

export function isJsonObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
