import { createGzip, type Gzip } from "node:zlib";

/** zlib's default; written out so that another default never changes the bytes. */
const GZIP_LEVEL = 6;
/** The compressor's output buffer. With its default of 16 KiB, passing buffers on costs as much as writing them. */
const GZIP_CHUNK_BYTES = 128 * 1024;

/** Chunks of whole lines. A chunk is used up when the next one is asked for: its memory may then be used again, on either side. */
type LineChunks = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

export interface JsonlOptions {
  readonly gzip: boolean;
}

/** Returns the extension of a JSONL file, without the leading dot. */
export function jsonlExtension({ gzip }: JsonlOptions): "jsonl" | "jsonl.gz" {
  return gzip ? "jsonl.gz" : "jsonl";
}

/** Returns the bytes of a JSONL file. Equal lines give equal bytes, however they are cut into chunks. Throws what `chunks` throws. */
export function jsonlFile(chunks: LineChunks, { gzip }: JsonlOptions): LineChunks {
  return gzip ? gzipped(chunks) : chunks;
}

/** Compresses to one gzip member without a time. Its end is always written, so that a cut file cannot pass for a whole one. */
export async function* gzipped(chunks: LineChunks): AsyncGenerator<Uint8Array> {
  const gzip = createGzip({ level: GZIP_LEVEL, chunkSize: GZIP_CHUNK_BYTES });
  // A failing source ends the loop below with its own error.
  const fed = feed(gzip, chunks).catch((error: unknown) => void gzip.destroy(error instanceof Error ? error : new Error(String(error))));
  yield* gzip as AsyncIterable<Buffer>; // Without an encoding a stream yields Buffers.
  await fed;
}

async function feed(gzip: Gzip, chunks: LineChunks): Promise<void> {
  for await (const chunk of chunks) {
    await new Promise<void>((resolve, reject) => {
      gzip.write(chunk, (error) => (error ? reject(error) : resolve()));
    });
  }
  gzip.end();
}
