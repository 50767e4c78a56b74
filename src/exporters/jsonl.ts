import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import type { Exporter, Row, RowLayout } from "./exporter.ts";
import { rowColumns, rowJson } from "./row-columns.ts";

/** Lines are joined to chunks of about this size: a write for each line costs a third more. */
const CHUNK_CHARS = 64 * 1024;

/** zlib's default; written out so that another default never changes the bytes. */
const GZIP_LEVEL = 6;
/** What the compressor hands over at a time; with its default of 16 KiB the handing over costs as much as writing. */
const GZIP_CHUNK_BYTES = 128 * 1024;

/** JSON, one row a line. gzip: one member of level 6 without a time, its end written, so that a cut file cannot pass for a whole one. */
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

async function* gzipped(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const gzip = createGzip({ level: GZIP_LEVEL, chunkSize: GZIP_CHUNK_BYTES });
  const fed = pipeline(Readable.from(chunks, { objectMode: false, highWaterMark: 1 }), gzip);
  // A failing source ends the loop below with its own error; without a handler here it would be reported twice.
  fed.catch(() => undefined);
  yield* gzip as AsyncIterable<Buffer>; // Without an encoding a stream yields Buffers.
  await fed;
}
