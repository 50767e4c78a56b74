import type { RowLayout } from "../../../exporters/exporter.ts";
import { jsonSchema, ROW_RULES } from "../../../exporters/json-schema.ts";
import { rowColumns } from "../../../exporters/row-columns.ts";
import { TABLES } from "../tables/registry.ts";

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
