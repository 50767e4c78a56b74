import { sql } from "./drizzle.ts";

/** Writes the SQL of a CHECK that allows these values in a column, and no others. */
export const states = (column: string, values: readonly string[]) =>
  sql.raw(`${column} in (${values.map((value) => `'${value}'`).join(", ")})`);
