import { createReadStream } from "node:fs";
import { pipeline, type Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { isAbort } from "../../errors.ts";
import { byteLines } from "../../lib/streams.ts";
import { fileProblem } from "../../lib/files/file-problem.ts";
import { isGzip } from "./is-gzip.ts";
import { votesError } from "./votes-error.ts";

/** Bytes of a line: far above a vote on 1,000 images; a file that is no JSONL ends here instead of in memory. */
const LINE_MAX_BYTES = 1_000_000;

/** The lines of a file, those of a `.gz` unpacked. @throws {ConfigError} if it cannot be read. */
export async function* readLines(file: string, signal: AbortSignal | undefined): ReturnType<typeof byteLines> {
  try {
    const raw: Readable = createReadStream(file, { signal });
    // What goes wrong with either stream reaches the reader of the last; pipeline closes both.
    const bytes: Readable = isGzip(file) ? pipeline(raw, createGunzip(), () => undefined) : raw;
    // No encoding is set: streams of bytes give Buffers.
    yield* byteLines(bytes as AsyncIterable<Buffer>, { maxBytes: LINE_MAX_BYTES });
  } catch (error) {
    if (isAbort(error)) throw error;
    throw votesError(file, fileProblem(error), { cause: error, hint: "one JSON object a line; see docs/votes.md" });
  }
}
