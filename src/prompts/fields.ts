import type { RawPrompt } from "./prompt-source.ts";

/** What a line of text, or a bare string among JSON objects, is called. */
export const ONLY_COLUMN = "prompt";

/** Fields without a prototype: columns may be called `__proto__` or `constructor`. */
export function emptyFields(): Record<string, string> {
  return Object.create(null) as Record<string, string>; // Object.create is typed as any.
}

/**
 * The fields of a JSON value whose numbers are raw JSON: text as it is, numbers and booleans as written, lists and objects as JSON,
 * null left out; a bare string is the prompt. Undefined for anything that is neither object nor string.
 */
export function fieldsOfJson(value: unknown): Pick<RawPrompt, "fields" | "nulls" | "nested"> | undefined {
  const fields = emptyFields();
  if (typeof value === "string") {
    fields[ONLY_COLUMN] = value;
    return { fields };
  }
  if (typeof value !== "object" || value === null || Array.isArray(value) || JSON.isRawJSON(value)) return undefined;
  const nulls: string[] = [];
  const nested: string[] = [];
  for (const [key, item] of Object.entries(value)) {
    if (item === null || item === undefined) nulls.push(key);
    else fields[key] = typeof item === "string" ? item : jsonText(item);
    if (typeof item === "object" && item !== null && !JSON.isRawJSON(item)) nested.push(key);
  }
  return { fields, nulls, nested };
}

/** JSON.stringify hides half a surrogate pair behind an escape: it stands bare again, to be found and counted like any other. */
function jsonText(value: unknown): string {
  return JSON.stringify(value).replaceAll(/\\\\|\\u(d[89a-f][0-9a-f]{2})/g, (match, half: string | undefined) =>
    half === undefined ? match : String.fromCharCode(Number.parseInt(half, 16)),
  );
}
