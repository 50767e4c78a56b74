import type { z } from "zod";
import type { JsonSchema } from "./json-schema.ts";
import { asWritten } from "./normalise-pairs.ts";
import { formatPath, type Path, valueAt } from "./path.ts";
import type { Problem } from "./problem.ts";
import { isJsonArray, isJsonObject, type Json, type JsonObject, stringifyExact } from "../lib/exact-json.ts";
import { didYouMean, nearest } from "../lib/nearest.ts";

type Issue = z.core.$ZodIssue;

/** Longest value shown in a message, characters. */
const SHOWN_MAX = 60;

interface DescribeInput {
  /** The configuration before variables were replaced. Their values may be secrets. */
  readonly written: Json;
  /** True if `annotate.pairs` was one mapping alone. */
  readonly wrapped: boolean;
  readonly schema: JsonSchema;
}

/** Says in plain words what zod found: the path as written, what is there, what was expected. */
export function describeIssues(issues: readonly Issue[], input: DescribeInput): readonly Problem[] {
  return issues.flatMap((issue) => describe(issue, [], input));
}

function describe(issue: Issue, above: Path, input: DescribeInput): readonly Problem[] {
  const path: Path = [...above, ...issue.path.map((step) => (typeof step === "number" ? step : String(step)))];
  if (issue.code === "unrecognized_keys") return issue.keys.map((key) => unknownKey([...path, key], input));
  if (issue.code === "invalid_union") {
    const deeper = issue.errors.find((branch) => branch.every((each) => each.path.length > 0 || each.code === "unrecognized_keys"));
    if (deeper !== undefined && deeper.length > 0) return deeper.flatMap((each) => describe(each, path, input));
  }
  const name = formatPath(asWritten(path, input.wrapped));
  if (issue.code === "invalid_key") {
    return [
      {
        path,
        part: "key",
        message: `${name}: expected a name of letters, digits, '.', '_' or '-', a letter or digit first, at most 128 characters`,
      },
    ];
  }
  const expected = expectedAt(input.schema, path);
  const value = valueAt(input.written, path);
  if (value === undefined) return [{ path, message: `${name} is missing, expected ${expected}` }];
  const needsQuotes = issue.code === "invalid_type" && issue.expected === "string" && typeof value !== "object";
  const near = typeof value === "string" ? nearest(value, optionsAt(input.schema, path)) : undefined;
  const hint = needsQuotes ? " (put it in quotes)" : near === undefined ? "" : ` (did you mean ${near}?)`;
  return [{ path, message: `${name === "" ? "the whole file" : name} is ${shown(value, path)}, expected ${expected}${hint}` }];
}

function unknownKey(path: Path, { schema, wrapped, written }: DescribeInput): Problem {
  const parent = path.slice(0, -1);
  const key = String(path.at(-1));
  const name = formatPath(asWritten(path, wrapped));
  if (LATER_KEYS.has(key)) return { path, part: "key", message: `${name} comes with a later version: leave it out for now` };
  const known = keysAt(schema, parent, valueAt(written, parent));
  const sections = sectionsWith(schema, key).map((section) => formatPath([...section, key]));
  const instead =
    didYouMean(key, known) || (sections.length > 0 ? ` (did you mean ${sections.join(" or ")}?)` : `; there is ${known.join(", ")}`);
  return { path, part: "key", message: `${name} is no key${instead}` };
}

function shown(value: Json, path: Path): string {
  if (path.includes("headers")) return "something else"; // A header's value may be a secret, whatever it is.
  if (isJsonArray(value)) return value.length === 0 ? "an empty list" : "a list";
  if (isJsonObject(value)) return "a mapping";
  if (value === null) return "empty";
  const text = typeof value === "number" ? String(value) : stringifyExact(value); // JSON has no infinity.
  return text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}…` : text;
}

/** Keys that come with a later version. The message says so, instead of calling them unknown. */
const LATER_KEYS: ReadonlySet<string> = new Set(["runner"]);

/** The schemas that may apply at a path: more than one where the configuration takes this or that. */
function schemasAt(schema: JsonSchema, path: Path): readonly JsonSchema[] {
  const alternatives = schema.anyOf ?? schema.oneOf;
  if (alternatives !== undefined) return alternatives.flatMap((each) => schemasAt(each, path));
  const [step, ...rest] = path;
  if (step === undefined) return [schema];
  if (typeof step === "number") return schema.items === undefined ? [] : schemasAt(schema.items, rest);
  const property = Object.hasOwn(schema.properties ?? {}, step) ? schema.properties?.[step] : schema.additionalProperties;
  return typeof property === "object" ? schemasAt(property, rest) : [];
}

/** Describes what a value may be: `a whole number ≥ 1`, `one of output, temp`, `text or a list of text`. */
function expectedAt(schema: JsonSchema, path: Path): string {
  const words = new Set(schemasAt(schema, path).map(inWords));
  return words.size === 0 ? "something else" : [...words].join(" or ");
}

/** The words that a value may be, where only some are taken. */
function optionsAt(schema: JsonSchema, path: Path): readonly string[] {
  return schemasAt(schema, path).flatMap((each) => (each.const === undefined ? (each.enum ?? []) : [each.const]).map(String));
}

/** The keys that the mapping at a path may have. `written` is that mapping: of a judge, its kind decides. */
function keysAt(schema: JsonSchema, path: Path, written?: Json): readonly string[] {
  const schemas = schemasAt(schema, path);
  const fitting = schemas.filter((each) => isJsonObject(written) && hasConstants(written, each));
  return [...new Set((fitting.length > 0 ? fitting : schemas).flatMap((each) => Object.keys(each.properties ?? {})))];
}

/** True if the mapping has every value that the schema fixes. */
function hasConstants(written: JsonObject, { properties = {} }: JsonSchema): boolean {
  return Object.entries(properties).every(([key, property]) => property.const === undefined || written[key] === property.const);
}

/** Sections that have such a key, for "it belongs under …". */
function sectionsWith(schema: JsonSchema, key: string, path: Path = []): readonly Path[] {
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
