import type { RowLayout } from "../../../exporters/row.ts";
import { columnTable, pythonFeatures } from "./card-columns.ts";
import { isRowFile, type DataFile } from "../make/manifest.ts";
import { TABLES } from "../tables/registry.ts";
import type { Table } from "../tables/table.ts";

/** A table that a version has beside `default`. */
export interface CardTable {
  readonly table: Table;
  /** Its splits with their numbers of rows. Never empty. */
  readonly splits: readonly (readonly [split: string, rows: number])[];
}

/** Lists the tables that have rows. Loaders refuse a configuration without files. */
export function cardTables(dataFiles: readonly DataFile[]): readonly CardTable[] {
  return TABLES.flatMap((table) => {
    const own = dataFiles.filter((file) => file.format === undefined && !isRowFile(file) && file.table === table.name);
    const splits = [...Map.groupBy(own, ({ split }) => split)].map(
      ([split, files]) => [split, files.reduce((sum, { rows }) => sum + rows, 0)] as const,
    );
    return splits.length === 0 ? [] : [{ table, splits }];
  });
}

/** Returns the entry of a table in `configs` of the card. */
export function tableConfig({ table: { name }, splits }: CardTable, description: string): object {
  return { config_name: name, description, data_files: splits.map(([split]) => ({ split, path: `${name}/${split}-*` })) };
}

/** Returns the section that says what a table's rows mean and how they are loaded. */
export function tableSection(
  { table, splits }: CardTable,
  { layout, extension }: { readonly layout: RowLayout; readonly extension: string },
): string {
  const { name, about, meanings } = table;
  const fields = table.fields(layout);
  const [first] = splits;
  const split = first?.[0] ?? "train";
  const sizes = splits.map(([each, rows]) => `${each} ${rows}`).join(", ");
  return `## Table \`${name}\` (${sizes})

${about}

\`\`\`python
${name} = load_dataset(FOLDER, "${name}", split="${split}")
\`\`\`

From object storage:

\`\`\`python
${name}_features = ${pythonFeatures(fields)}
${name}_files = {"${split}": "s3://BUCKET/PREFIX/VERSION/${name}/${split}-*.${extension}"}
${name} = load_dataset("json", data_files=${name}_files, features=${name}_features, split="${split}")
\`\`\`

${columnTable(fields, meanings)}`;
}
