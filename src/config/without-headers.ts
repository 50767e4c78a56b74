import { isJsonArray, isJsonObject, type Json, type JsonObject } from "../lib/exact-json.ts";

/** A configuration as written, without any `headers`: they are the place for secrets. */
export function withoutHeaders(config: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(config)
      .filter(([key]) => key !== "headers")
      .map(([key, value]) => [key, strip(value)]),
  );
}

function strip(value: Json): Json {
  if (isJsonArray(value)) return value.map(strip);
  return isJsonObject(value) ? withoutHeaders(value) : value;
}
