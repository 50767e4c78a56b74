import { floatText } from "./float-text.ts";
import type { Feature, Field, ScalarFeature } from "./row-columns.ts";

type Scalar = string | number | boolean | null;

/** A row of a flat table by column. Seeds are decimal text: they reach 2^64 - 1. */
export type TableRow = Readonly<Record<string, Scalar | readonly Scalar[]>>;

/** One row as a line of JSON, without the line feed: every column, in the order of the columns. */
export function tableRowJson(fields: readonly Field[], row: TableRow): string {
  return `{${fields.map(({ name, feature }) => `${JSON.stringify(name)}:${valueJson(feature, row[name] ?? null)}`).join(",")}}`;
}

function valueJson(feature: Feature, value: TableRow[string]): string {
  if ("dtype" in feature) return scalarJson(feature, value);
  if (!("items" in feature) || !isList(value)) throw new Error("a flat table has scalars and lists of them");
  return `[${value.map((item) => scalarJson(feature.items, item)).join(",")}]`;
}

function isList(value: TableRow[string]): value is readonly Scalar[] {
  return Array.isArray(value);
}

function scalarJson({ dtype }: ScalarFeature, value: TableRow[string]): string {
  if (value === null) return "null";
  if (dtype === "float64") return floatText(Number(value));
  if (dtype === "int64" || dtype === "bool") return String(value);
  // Loaders cast an unsigned integer from text exactly. A lone surrogate in one row makes them refuse the whole file.
  return JSON.stringify(String(value).toWellFormed());
}
