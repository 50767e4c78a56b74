import { jsonSchema, ROW_RULES } from "../../../exporters/json-schema.ts";
import type { RowLayout } from "../../../exporters/row.ts";
import { rowColumns } from "../../../exporters/row-columns.ts";
import { pairsTable } from "./pairs.ts";
import { rankingsTable } from "./rankings.ts";
import type { Table, TableName } from "./table.ts";
import { tiesTable } from "./ties.ts";
import { votesTable } from "./votes.ts";

const BY_NAME = {
  pairs: pairsTable,
  rankings: rankingsTable,
  ties: tiesTable,
  votes: votesTable,
} satisfies Record<TableName, Table>;

/**
 * Tables beside `default`, in the order in which they are written and described. A new one is its name in the configuration's schema, a
 * file
 * beside this and a line here.
 */
export const TABLES: readonly Table[] = Object.values(BY_NAME);

/** Finds a table beside `default` by its name; undefined for one that this program does not know. */
export function findTable(name: string): Table | undefined {
  return TABLES.find((table) => table.name === name);
}

/** Returns the path of a table's JSON Schema in a version. */
export function schemaPath(table: string): string {
  return `schema/${table}.schema.json`;
}

/**
 * Returns the JSON Schema of a table's rows, null for a table that this program does not know. Only the layout decides it, so that
 * verification can write it again and compare.
 */
export function rowSchemaText(table: string, layout: RowLayout): string | null {
  const isRows = table === "default";
  const fields = isRows ? rowColumns(layout) : findTable(table)?.fields(layout);
  if (fields === undefined) return null;
  return `${JSON.stringify(jsonSchema(fields, { title: `A row of the table ${table}`, rules: isRows ? ROW_RULES : {} }), null, 2)}\n`;
}
