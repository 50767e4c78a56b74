import type { RowLayout } from "../../exporters/exporter.ts";
import { jsonSchema } from "../../exporters/json-schema.ts";
import { rowColumns } from "../../exporters/row-columns.ts";

/** Where a table's JSON Schema is in a version. */
export function schemaPath(table: string): string {
  return `schema/${table}.schema.json`;
}

/** JSON Schema of the rows of `default`. Nothing but the layout decides it, so that verification can write it again and compare. */
export function rowSchemaText(layout: RowLayout): string {
  return `${JSON.stringify(jsonSchema(rowColumns(layout), "A row of the table default"), null, 2)}\n`;
}
