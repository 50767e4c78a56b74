import { floatText, type Feature, type Field, type ScalarFeature } from "./row-columns.ts";
import { isJsonArray, isJsonObject, parseExact, type Json } from "../lib/exact-json.ts";

type Scalar = string | number | boolean | null;

/** Values of a flat table's row by column. Seeds are decimal text, because they reach 2^64 - 1. */
export type TableRow = Readonly<Record<string, Scalar | readonly Scalar[]>>;

/** Returns one row as a line of JSON, without the line feed. It has every column, in their order. */
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

/**
 * Reads a line of a flat table back, with exact 64-bit seeds.
 * @throws {SyntaxError} for a line that is not JSON.
 */
export function parseTableRow(line: string): TableRow {
  const value = parseExact(line);
  if (!isJsonObject(value)) return {};
  return Object.fromEntries(Object.entries(value).map(([name, cell]) => [name, isJsonArray(cell) ? cell.map(scalarOf) : scalarOf(cell)]));
}

function scalarOf(value: Json): string | number | boolean | null {
  if (typeof value === "bigint") return String(value);
  return typeof value === "object" ? null : value;
}
