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
export function fieldsOfJson(value: unknown): Record<string, string> | undefined {
  const fields = emptyFields();
  if (typeof value === "string") {
    fields[ONLY_COLUMN] = value;
    return fields;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value) || JSON.isRawJSON(value)) return undefined;
  for (const [key, item] of Object.entries(value)) {
    if (item !== null && item !== undefined) fields[key] = typeof item === "string" ? item : JSON.stringify(item);
  }
  return fields;
}
