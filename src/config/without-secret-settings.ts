import { isJsonArray, isJsonObject, type JsonObject } from "../lib/exact-json.ts";
import { masked } from "../lib/secret-names.ts";

/** A configuration as written, with a mask in place of each secret that a variant sets: what the database keeps, and what changes are told by. */
export function withoutSecretSettings(config: JsonObject): JsonObject {
  const { candidates } = config;
  if (!isJsonObject(candidates) || !isJsonArray(candidates["variants"])) return config;
  const variants = candidates["variants"].map((variant) =>
    isJsonObject(variant) && variant["set"] !== undefined ? { ...variant, set: masked(variant["set"]) } : variant,
  );
  return { ...config, candidates: { ...candidates, variants } };
}
