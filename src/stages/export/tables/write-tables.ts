import { jsonlExtension, jsonlFile } from "../../../exporters/jsonl.ts";
import { SPLITS } from "../split.ts";
import type { DataFile } from "../make/manifest.ts";
import { dataPath, rowsPerFile } from "../rows/split-files.ts";
import type { Spool } from "../make/spool.ts";
import { TABLES } from "./registry.ts";
import type { PreparedTable, Table, TableSource } from "./table.ts";

const CHUNK_CHARS = 64 * 1024;

export interface WrittenTables {
  readonly files: readonly DataFile[];
  /** Rows left out, by table and reason. */
  readonly drops: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

/**
 * Writes the tables that the configuration asks for beside `default`. All are prepared before any is written, because an image that rows of
 * two splits would show, in whichever tables, stays in one split.
 */
export async function writeTables(source: TableSource, spool: Spool): Promise<WrittenTables> {
  const wanted = TABLES.filter(({ name }) => source.config.export.tables.some((table) => table === name));
  const prepared: { table: Table; rows: PreparedTable }[] = [];
  for (const table of wanted) prepared.push({ table, rows: await table.prepare(source) });
  const shared = prepared.length > 0 ? source.queries.settle() : {};
  const files: DataFile[] = [];
  for (const { table, rows } of prepared) files.push(...(await writeTable({ table, rows }, { source, spool })));
  const drops = prepared.map(({ table: { name }, rows }) => {
    const inTwoSplits = shared[name] ?? 0;
    return [name, { ...rows.drops, ...(inTwoSplits > 0 ? { "image-in-two-splits": inTwoSplits } : {}) }] as const;
  });
  return { files, drops: Object.fromEntries(drops.filter(([, reasons]) => Object.keys(reasons).length > 0)) };
}

interface Place {
  readonly source: TableSource;
  readonly spool: Spool;
}

async function writeTable({ table, rows }: { table: Table; rows: PreparedTable }, { source, spool }: Place): Promise<readonly DataFile[]> {
  const { gzip, shards } = source.config.export;
  const files: DataFile[] = [];
  for (const [index, split] of SPLITS.entries()) {
    const sizes = rowsPerFile(rows.countRows(index), shards);
    const lines = rows.lines(index)[Symbol.asyncIterator]();
    for (const [number, size] of sizes.entries()) {
      const path = dataPath(split, { index: number, count: sizes.length, extension: jsonlExtension({ gzip }), folder: table.name });
      files.push({ ...(await spool.write(path, jsonlFile(take(lines, size), { gzip }))), table: table.name, split, rows: size });
    }
  }
  return files;
}

/** Yields the next `count` lines in chunks. The others can be taken later. */
async function* take(lines: AsyncIterator<string>, count: number): AsyncGenerator<Buffer> {
  let text = "";
  for (let taken = 0; taken < count; taken++) {
    const next = await lines.next();
    if (next.done === true) throw new Error(`${count - taken} rows of a file are missing`);
    text += `${next.value}\n`;
    if (text.length < CHUNK_CHARS) continue;
    yield Buffer.from(text);
    text = "";
  }
  if (text !== "") yield Buffer.from(text);
}
