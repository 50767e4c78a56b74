import type { RowLayout } from "../../../exporters/exporter.ts";
import { tableRowJson, type TableRow } from "../../../exporters/table-row.ts";
import { parseExact, type Json } from "../../../lib/exact-json.ts";
import { structProblems } from "./check-row.ts";
import { parseTableRow } from "../tables/parse-table-row.ts";
import { TABLES } from "../tables/registry.ts";

export interface CheckedTableRow {
  /** Null where the line has not the shape of a row. */
  readonly row: TableRow | null;
  /** In words that go on after "the row". */
  readonly problems: readonly string[];
  /** What it shows. */
  readonly uris: readonly string[];
}

/** Checks lines of a table beside `default` against what a row alone can break; null for a table that is not known. */
export function tableChecker(name: string, layout: RowLayout): ((line: string) => CheckedTableRow) | null {
  const table = TABLES.find((each) => each.name === name);
  if (table === undefined) return null;
  const fields = table.fields(layout);
  return (line) => {
    let value: Json;
    try {
      value = parseExact(line);
    } catch {
      return { row: null, problems: ["is no JSON"], uris: [] }; // SyntaxError is all that parseExact throws.
    }
    const shape = structProblems(value, fields, "");
    if (shape.length > 0) return { row: null, problems: shape, uris: [] };
    const row = parseTableRow(line);
    const form = tableRowJson(fields, row) === line ? [] : ["is not written as this program writes it (spaces, numbers or escapes differ)"];
    const uris = table.uris(row);
    const presigned = uris.some((uri) => /[?&]X-Amz-/i.test(uri)) ? ["has a presigned URI, which will expire"] : [];
    return { row, uris, problems: [...form, ...presigned, ...table.problems(row)] };
  };
}
