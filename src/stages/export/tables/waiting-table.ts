import type { WaitingRow } from "../../../db/queries/export/export-tables.ts";
import type { Field } from "../../../exporters/row-columns.ts";
import { tableRowJson, type TableRow } from "../../../exporters/table-row.ts";
import type { PreparedTable, TableSource } from "./table.ts";

/** Rows written and read at a time. */
const PAGE_ROWS = 256;

export interface FoundRow {
  readonly id: string;
  /** Number of its split. */
  readonly split: number;
  readonly row: TableRow;
  /** The images that it shows. */
  readonly imageIds: readonly string[];
}

export interface WaitingTable {
  readonly name: string;
  readonly fields: readonly Field[];
  /** Rows in any order. A text in place of a row is the reason why it is left out. */
  readonly found: AsyncIterable<FoundRow | string>;
}

/**
 * Prepares a table whose rows wait on the disk until it is known which images two splits would show. They come back in the order of their
 * ids.
 */
export async function waitingTable(
  { queries, checkpoint }: Pick<TableSource, "queries" | "checkpoint">,
  { name, fields, found }: WaitingTable,
): Promise<PreparedTable> {
  const drops: Record<string, number> = {};
  let page: WaitingRow[] = [];
  for await (const each of found) {
    if (typeof each === "string") {
      drops[each] = (drops[each] ?? 0) + 1;
      continue;
    }
    const { id, split, row, imageIds } = each;
    page.push({ id, split, imageIds, json: tableRowJson(fields, row) });
    if (page.length < PAGE_ROWS) continue;
    queries.add(name, page);
    page = [];
    await checkpoint();
  }
  queries.add(name, page);
  return {
    drops,
    countRows: (split) => queries.countRows(name, split),
    async *lines(split) {
      for (let after = ""; ;) {
        const next = queries.readRows(name, { split, after, count: PAGE_ROWS });
        for (const { json } of next) yield json;
        after = next.at(-1)?.id ?? "";
        if (after === "") return;
        await checkpoint();
      }
    },
  };
}
