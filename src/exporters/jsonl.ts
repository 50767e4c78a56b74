import type { Exporter, Row, RowLayout } from "./exporter.ts";
import { gzipped } from "./gzipped.ts";
import { rowColumns, rowJson } from "./row-columns.ts";

/** Lines are joined to chunks of about this size: a write for each line costs a third more. */
const CHUNK_CHARS = 64 * 1024;

/** JSON, one row a line. */
export const jsonlExporter: Exporter = {
  format: "jsonl",
  extension: ({ gzip }) => (gzip ? "jsonl.gz" : "jsonl"),
  encode: (rows, { layout, gzip }) => (gzip ? gzipped(lines(rows, layout)) : lines(rows, layout)),
  lines: {
    lineOf: (layout) => {
      const columns = rowColumns(layout);
      return (row) => rowJson(columns, row);
    },
    join: (chunks, { gzip }) => (gzip ? gzipped(chunks) : inTurn(chunks)),
  },
};

async function* inTurn(chunks: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

async function* lines(rows: AsyncIterable<Row>, layout: RowLayout): AsyncGenerator<Buffer> {
  const columns = rowColumns(layout);
  let text = "";
  for await (const row of rows) {
    text += `${rowJson(columns, row)}\n`;
    if (text.length < CHUNK_CHARS) continue;
    yield Buffer.from(text);
    text = "";
  }
  if (text !== "") yield Buffer.from(text);
}
