import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { isDeepStrictEqual } from "node:util";

/** The first lines of a file of rows, by id. */
export async function firstRows(file: string, count: number): Promise<ReadonlyMap<string, unknown>> {
  const rows = new Map<string, unknown>();
  for await (const line of createInterface(createReadStream(file))) {
    const row = JSON.parse(line) as { readonly id: string }; // Of the default table.
    rows.set(row.id, plain(row));
    if (rows.size >= count) break;
  }
  return rows;
}

/** Share of the wanted rows that a peer's file has with equal values. Its order and the spelling of its numbers may differ. */
export async function shareOfSame(wanted: ReadonlyMap<string, unknown>, file: string): Promise<number> {
  let same = 0;
  for await (const line of createInterface(createReadStream(file))) {
    const [, id = ""] = /"id":"([^"]*)"/.exec(line) ?? [];
    const expected = wanted.get(id);
    if (expected !== undefined && isDeepStrictEqual(plain(JSON.parse(line)), expected)) same++;
  }
  return same / wanted.size;
}

/** Numbers to 6 decimals; objects that are written as strings (params, scores, meta) as objects. */
function plain(value: unknown): unknown {
  if (typeof value === "number") return Number(value.toFixed(6));
  if (typeof value === "string") return value.startsWith("{") ? plain(JSON.parse(value)) : value;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}
