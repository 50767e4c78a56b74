import type { Feature, Field } from "./row-columns.ts";

type Rules = Readonly<Record<string, object>>;

/** Rules for the values of a column beyond its type, by its name. */
export const ROW_RULES: Rules = {
  id: { pattern: "^d_[0-9a-f]{32}$" },
  prompt_key: { pattern: "^p_[0-9a-f]{32}$" },
  image_id: { pattern: "^i_[0-9a-f]{32}$" },
  sha256: { pattern: "^[0-9a-f]{64}$" },
  uri: { minLength: 1 },
  source: { pattern: "^(people|combined|judge:.+)$" },
  rejected: { minItems: 1 },
  agreement: { minimum: 0, maximum: 1 },
  n_votes: { minimum: 0 },
  n_candidates: { minimum: 2 },
  batch_index: { minimum: 0 },
  width: { minimum: 1 },
  height: { minimum: 1 },
};

const INTEGER = { type: "integer", minimum: Number.MIN_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER };

const SCALARS = {
  string: { type: "string" },
  int64: INTEGER,
  // Decimal text, which loaders cast; -1 where it is not known.
  uint64: { type: "string", pattern: "^(0|[1-9][0-9]{0,19}|-1)$" },
  float64: { type: ["number", "null"] },
  bool: { type: "boolean" },
} as const;

/** Returns the JSON Schema (draft 2020-12) of a table's rows. */
export function jsonSchema(fields: readonly Field[], { title, rules }: { readonly title: string; readonly rules: Rules }): object {
  return { $schema: "https://json-schema.org/draft/2020-12/schema", title, ...objectSchema(fields, rules) };
}

function objectSchema(fields: readonly Field[], rules: Rules): object {
  return {
    type: "object",
    required: fields.map(({ name }) => name),
    additionalProperties: false,
    properties: Object.fromEntries(fields.map(({ name, feature }) => [name, { ...featureSchema(feature, rules), ...rules[name] }])),
  };
}

function featureSchema(feature: Feature, rules: Rules): object {
  if ("dtype" in feature) return SCALARS[feature.dtype];
  if ("struct" in feature) return objectSchema(feature.struct, rules);
  return { type: "array", items: "list" in feature ? objectSchema(feature.list, rules) : featureSchema(feature.items, rules) };
}
