import type { Config } from "./schema.ts";
import { isJsonArray, isJsonObject, type Json, type JsonObject, stringifyExact } from "../lib/exact-json.ts";
import { masked } from "../lib/secret-names.ts";

/** Returns what the database keeps of a configuration, JSON: as written, before ${NAME} was replaced, without headers and secrets. */
export function rememberedConfig(config: Pick<Config, "written">): string {
  return stringifyExact(config.written);
}

/** Returns a configuration as written, without any `headers`: they are the place for secrets. */
export function withoutHeaders(config: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(config)
      .filter(([key]) => key !== "headers")
      .map(([key, value]) => [key, stripHeaders(value)]),
  );
}

function stripHeaders(value: Json): Json {
  if (isJsonArray(value)) return value.map(stripHeaders);
  return isJsonObject(value) ? withoutHeaders(value) : value;
}

/**
 * Returns a configuration as written, with a mask for each secret that a variant sets. The database keeps it, and changes are found by it.
 */
export function withoutSecretSettings(config: JsonObject): JsonObject {
  const { candidates } = config;
  if (!isJsonObject(candidates) || !isJsonArray(candidates["variants"])) return config;
  const variants = candidates["variants"].map((variant) =>
    isJsonObject(variant) && variant["set"] !== undefined ? { ...variant, set: masked(variant["set"]) } : variant,
  );
  return { ...config, candidates: { ...candidates, variants } };
}
