import type { z } from "zod";
import { isJsonArray, isJsonObject, stringifyExact, type Json } from "../lib/exact-json.ts";
import { didYouMean, nearest } from "../lib/nearest.ts";
import { expectedAt, keysAt, optionsAt, sectionsWith } from "./expected.ts";
import type { JsonSchema } from "./json-schema.ts";
import { LATER_KEYS } from "./later-keys.ts";
import { asWritten } from "./normalise-pairs.ts";
import { formatPath, type Path } from "./path.ts";
import type { Problem } from "./problem.ts";
import { valueAt } from "./value-at.ts";

type Issue = z.core.$ZodIssue;

/** Longest value shown in a message, characters. */
const SHOWN_MAX = 60;

export interface DescribeInput {
  /** What the file says, before variables were replaced: their values may be secrets. */
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
