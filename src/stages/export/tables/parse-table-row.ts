import type { TableRow } from "../../../exporters/table-row.ts";
import { isJsonArray, isJsonObject, parseExact, type Json } from "../../../lib/exact-json.ts";

/** Reads a line of a flat table back, 64-bit seeds exactly. @throws {SyntaxError} for what is no JSON. */
export function parseTableRow(line: string): TableRow {
  const value = parseExact(line);
  if (!isJsonObject(value)) return {};
  return Object.fromEntries(Object.entries(value).map(([name, cell]) => [name, isJsonArray(cell) ? cell.map(scalarOf) : scalarOf(cell)]));
}

function scalarOf(value: Json): string | number | boolean | null {
  if (typeof value === "bigint") return String(value);
  return typeof value === "object" ? null : value;
}
