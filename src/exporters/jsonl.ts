import type { Exporter, Row, RowLayout } from "./row.ts";
import { rowColumns, rowJson } from "./row-columns.ts";
import { createGzip, type Gzip } from "node:zlib";

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

/** zlib's default; written out so that another default never changes the bytes. */
const GZIP_LEVEL = 6;
/** What the compressor hands over at a time; with its default of 16 KiB the handing over costs as much as writing. */
const GZIP_CHUNK_BYTES = 128 * 1024;

type Chunks = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/**
 * One member of level 6 without a time, its end written, so that a cut file cannot pass for a whole one. A chunk is done with when the next
 * one is asked for: its memory may be used again.
 */
export async function* gzipped(chunks: Chunks): AsyncGenerator<Uint8Array> {
  const gzip = createGzip({ level: GZIP_LEVEL, chunkSize: GZIP_CHUNK_BYTES });
  // A failing source ends the loop below with its own error.
  const fed = feed(gzip, chunks).catch((error: unknown) => void gzip.destroy(error instanceof Error ? error : new Error(String(error))));
  yield* gzip as AsyncIterable<Buffer>; // Without an encoding a stream yields Buffers.
  await fed;
}

async function feed(gzip: Gzip, chunks: Chunks): Promise<void> {
  for await (const chunk of chunks) {
    await new Promise<void>((resolve, reject) => {
      gzip.write(chunk, (error) => (error ? reject(error) : resolve()));
    });
  }
  gzip.end();
}
