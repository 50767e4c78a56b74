import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";

/** zlib's default; written out so that another default never changes the bytes. */
const GZIP_LEVEL = 6;
/** What the compressor hands over at a time; with its default of 16 KiB the handing over costs as much as writing. */
const GZIP_CHUNK_BYTES = 128 * 1024;

/** One member of level 6 without a time, its end written, so that a cut file cannot pass for a whole one. */
export async function* gzipped(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const gzip = createGzip({ level: GZIP_LEVEL, chunkSize: GZIP_CHUNK_BYTES });
  const fed = pipeline(Readable.from(chunks, { objectMode: false, highWaterMark: 1 }), gzip);
  // A failing source ends the loop below with its own error; without a handler here it would be reported twice.
  fed.catch(() => undefined);
  yield* gzip as AsyncIterable<Buffer>; // Without an encoding a stream yields Buffers.
  await fed;
}
