import { pairsTable } from "./pairs.ts";
import { rankingsTable } from "./rankings.ts";
import type { Table } from "./table.ts";
import { tiesTable } from "./ties.ts";
import { votesTable } from "./votes.ts";
import type { RowLayout } from "../../../exporters/row.ts";
import { jsonSchema, ROW_RULES } from "../../../exporters/json-schema.ts";
import { rowColumns } from "../../../exporters/row-columns.ts";

/** Tables beside `default`, in the order in which they are written and told. A new one is a file beside this and a line here. */
export const TABLES: readonly Table[] = [pairsTable, rankingsTable, tiesTable, votesTable];

/** Where a table's JSON Schema is in a version. */
export function schemaPath(table: string): string {
  return `schema/${table}.schema.json`;
}

/**
 * JSON Schema of a table's rows; null for a table that is not known. Nothing but the layout decides it, so that verification can write it
 * again and compare.
 */
export function rowSchemaText(table: string, layout: RowLayout): string | null {
  const isRows = table === "default";
  const fields = isRows ? rowColumns(layout) : TABLES.find(({ name }) => name === table)?.fields(layout);
  if (fields === undefined) return null;
  return `${JSON.stringify(jsonSchema(fields, { title: `A row of the table ${table}`, rules: isRows ? ROW_RULES : {} }), null, 2)}\n`;
}
