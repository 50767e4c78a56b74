import { isJsonObject, type Json, type JsonObject } from "../lib/exact-json.ts";
import type { JsonSchema } from "./json-schema.ts";
import type { Path } from "./path.ts";

/** The schemas that may apply at a path: more than one where the configuration takes this or that. */
export function schemasAt(schema: JsonSchema, path: Path): readonly JsonSchema[] {
  const alternatives = schema.anyOf ?? schema.oneOf;
  if (alternatives !== undefined) return alternatives.flatMap((each) => schemasAt(each, path));
  const [step, ...rest] = path;
  if (step === undefined) return [schema];
  if (typeof step === "number") return schema.items === undefined ? [] : schemasAt(schema.items, rest);
  const property = Object.hasOwn(schema.properties ?? {}, step) ? schema.properties?.[step] : schema.additionalProperties;
  return typeof property === "object" ? schemasAt(property, rest) : [];
}

/** What a value may be, in words: `a whole number ≥ 1`, `one of output, temp`, `text or a list of text`. */
export function expectedAt(schema: JsonSchema, path: Path): string {
  const words = new Set(schemasAt(schema, path).map(inWords));
  return words.size === 0 ? "something else" : [...words].join(" or ");
}

/** The words that a value may be, where only some are taken. */
export function optionsAt(schema: JsonSchema, path: Path): readonly string[] {
  return schemasAt(schema, path).flatMap((each) => (each.const === undefined ? (each.enum ?? []) : [each.const]).map(String));
}

/** The keys that the mapping at a path may have. `written` is that mapping: of a judge, its kind decides. */
export function keysAt(schema: JsonSchema, path: Path, written?: Json): readonly string[] {
  const schemas = schemasAt(schema, path);
  const fitting = schemas.filter((each) => isJsonObject(written) && hasConstants(written, each));
  return [...new Set((fitting.length > 0 ? fitting : schemas).flatMap((each) => Object.keys(each.properties ?? {})))];
}

/** True if the mapping has every value that the schema fixes. */
function hasConstants(written: JsonObject, { properties = {} }: JsonSchema): boolean {
  return Object.entries(properties).every(([key, property]) => property.const === undefined || written[key] === property.const);
}

/** Sections that have such a key, for "it belongs under …". */
export function sectionsWith(schema: JsonSchema, key: string, path: Path = []): readonly Path[] {
  const below = Object.entries(schema.properties ?? {}).flatMap(([name, property]) => sectionsWith(property, key, [...path, name]));
  return Object.hasOwn(schema.properties ?? {}, key) ? [path, ...below] : below;
}

function inWords(schema: JsonSchema): string {
  if (schema.const !== undefined) return String(schema.const);
  if (schema.enum !== undefined) return schema.enum.length === 1 ? String(schema.enum[0]) : `one of ${schema.enum.join(", ")}`;
  if (Array.isArray(schema.type)) return schema.type.map((type: string) => inWords({ ...schema, type })).join(" or ");
  switch (schema.type) {
    case "integer":
      return `a whole number${bounds(schema)}`;
    case "number":
      return `a number${bounds(schema)}`;
    case "boolean":
      return "true or false";
    case "string":
      return `${schema.patternErrorMessage ?? "text"}${schema.maxLength === undefined ? "" : `, at most ${schema.maxLength} characters`}`;
    case "array":
      return listInWords(schema);
    case "object":
      return "a mapping (key: value)";
    default:
      return "null";
  }
}

function bounds({ minimum, maximum, exclusiveMinimum }: JsonSchema): string {
  if (minimum !== undefined && maximum !== undefined) return ` from ${minimum} to ${maximum}`;
  if (minimum !== undefined) return ` ≥ ${minimum}`;
  return exclusiveMinimum === undefined ? "" : ` > ${exclusiveMinimum}`;
}

function listInWords({ items, minItems = 0 }: JsonSchema): string {
  const of = items === undefined ? "" : expectedAt(items, []);
  const entries = items?.properties !== undefined ? " of mappings" : of === "text" ? " of text" : of === "" ? "" : ` (each ${of})`;
  return `a list${entries}${minItems > 0 ? `, at least ${minItems}` : ""}`;
}
