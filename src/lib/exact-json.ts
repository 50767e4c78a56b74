import { hash } from "node:crypto";

/** A JSON value whose integers beyond ±(2^53 - 1) are bigints, so that 64-bit seeds keep every digit. */
export type Json = null | boolean | number | bigint | string | readonly Json[] | { readonly [key: string]: Json };

export type JsonObject = { readonly [key: string]: Json };

const INTEGER = /^-?\d+$/;
/** The smallest integer that a double may not hold has 16 digits. */
const LONG_NUMBER = /\d{16}/;
/**
 * Deepest nesting that is read. Python's json module writes no more than its recursion limit, 1000 (docs.python.org/3/library/json.html,
 * "Implementation limitations"), and functions that walk a value recursively, as JSON.stringify does, overflow the stack some levels later.
 */
export const DEPTH_MAX = 1_000;

/** Says that a text is nested deeper than DEPTH_MAX. A SyntaxError, so that whoever handles broken JSON handles this, too. */
export class DepthError extends SyntaxError {
  constructor() {
    super(`it is nested more than ${DEPTH_MAX} levels deep`);
  }
}

/**
 * Parses JSON without losing digits: integers that a double cannot hold become bigints.
 * For text that Python wrote there is `parsePython`.
 * @throws {SyntaxError} if the text is not JSON, {DepthError} if it is nested too deeply.
 */
export function parseExact(text: string): Json {
  refuseDepth(text);
  // The reviver makes parsing several times as slow, and most text needs none. JSON.parse returns JSON values.
  if (!LONG_NUMBER.test(text)) return JSON.parse(text) as Json;
  // The reviver returns only JSON values and bigints, which is what Json says.
  return JSON.parse(text, (_key, value, { source }) =>
    typeof value === "number" && source !== undefined ? exactNumber(value, source) : value,
  ) as Json;
}

/** `value`, or the integer that `source` spells where a double cannot hold it. */
export function exactNumber(value: number, source: string): number | bigint {
  return !Number.isSafeInteger(value) && INTEGER.test(source) ? BigInt(source) : value;
}

/** @throws {DepthError} */
export function refuseDepth(text: string): void {
  if (hasFewBrackets(text)) return;
  let depth = 0;
  let inString = false;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (inString) {
      if (character === "\\") at++; // An escaped character does not end the string.
      else if (character === '"') inString = false;
    } else if (character === '"') inString = true;
    else if (character === "[" || character === "{") {
      if (++depth > DEPTH_MAX) throw new DepthError();
    } else if (character === "]" || character === "}") depth--;
  }
}

/**
 * True where the text cannot nest too deeply because it opens too little. Searching for brackets costs a fraction of reading each
 * character.
 */
function hasFewBrackets(text: string): boolean {
  let opened = 0;
  for (const bracket of "[{") {
    for (let at = text.indexOf(bracket); at !== -1; at = text.indexOf(bracket, at + 1)) if (++opened > DEPTH_MAX) return false;
  }
  return true;
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

/** Returns true for an object that is neither null nor an array. */
export function isJsonObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
