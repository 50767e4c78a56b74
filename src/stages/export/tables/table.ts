import type { Config } from "../../../config/schema.ts";
import type { Context } from "../../../context.ts";
import type { TableQueries } from "../../../db/queries/export/export-tables.ts";
import type { Row, RowLayout } from "../../../exporters/row.ts";
import type { Field, ScalarFeature } from "../../../exporters/row-columns.ts";
import type { TableRow } from "../../../exporters/table-row.ts";
import type { Db } from "../../../db/open.ts";
import type { PlannedSplit } from "../rows/plan-rows.ts";

/** What tables are made from: one view of the database, and the rows of `default`. */
export interface TableSource extends Pick<Context, "judges"> {
  readonly config: Pick<Config, "annotate" | "export">;
  readonly layout: RowLayout;
  readonly queries: TableQueries;
  /** The view of the database, for queries of other stages. */
  readonly view: Db;
  /** Returns the number of the split of a prompt's text. */
  readonly splitOf: (prompt: string) => number;
  /** Reads the rows of `default` in their order, anew with each call. */
  readonly rowsOf: (split: PlannedSplit) => AsyncIterable<Row>;
  readonly planned: readonly PlannedSplit[];
  /** Throws where the export is to stop. */
  readonly checkpoint: () => Promise<void>;
}

/** A table whose possible rows are known. */
export interface PreparedTable {
  /** Counts the rows of a split, by its number. Final once every table is prepared and shared images are settled. */
  countRows(split: number): number;
  /** Yields the rows of a split as lines of JSON, without the line feed. */
  lines(split: number): AsyncIterable<string>;
  /** Rows left out, by reason. */
  readonly drops: Readonly<Record<string, number>>;
}

/** The tables beside `default`, as `export.tables` names it. */
export type TableName = Exclude<Config["export"]["tables"][number], "default">;

/** A table beside `default`. Equal databases and configurations give equal rows. */
export interface Table {
  readonly name: TableName;
  /** True where rows stand in the order of their ids. Two versions of such a table can be compared row by row. */
  readonly isSorted: boolean;
  /** What a row is, for the card: Markdown, whole sentences. */
  readonly about: string;
  /** What each column means. */
  readonly meanings: Readonly<Record<string, string>>;
  /** Returns the columns, in the order in which every row has them. */
  fields(layout: RowLayout): readonly Field[];
  /** Lists the rules of the table that a row breaks, in words that follow "the row". */
  problems(row: TableRow): readonly string[];
  /** Lists the URIs that a row shows. */
  uris(row: TableRow): readonly string[];
  prepare(source: TableSource): Promise<PreparedTable>;
}

/** Makes columns of one type, by name. */
export function scalars(dtype: ScalarFeature["dtype"], ...names: readonly string[]): readonly Field[] {
  return names.map((name) => ({ name, feature: { dtype } }));
}

/** Makes columns that are lists of one type, by name. */
export function lists(dtype: ScalarFeature["dtype"], ...names: readonly string[]): readonly Field[] {
  return names.map((name) => ({ name, feature: { items: { dtype } } }));
}
