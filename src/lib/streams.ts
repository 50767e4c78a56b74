import type { Hash } from "node:crypto";
import { Readable } from "node:stream";

/** One line of a file, without its line end. */
export interface ByteLine {
  /** Number of the line, from 1. */
  readonly number: number;
  readonly bytes: Buffer;
}

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/**
 * Cuts chunks into lines at LF or CRLF; empty lines are left out but counted. Memory is bounded by the longest line.
 * @throws {RangeError} naming the line that is longer than `maxBytes`.
 */
export async function* byteLines(chunks: AsyncIterable<Buffer>, { maxBytes }: { readonly maxBytes: number }): AsyncGenerator<ByteLine> {
  let number = 0;
  /** The pieces of a line whose end has not come. */
  let pending: Buffer[] = [];
  let pendingBytes = 0;

  const hold = (piece: Buffer): void => {
    pending.push(piece);
    pendingBytes += piece.length;
    if (pendingBytes > maxBytes) throw new RangeError(`line ${number + 1} is longer than ${maxBytes} bytes`);
  };
  const take = (): ByteLine | null => {
    const bytes = withoutReturn(Buffer.concat(pending));
    pending = [];
    pendingBytes = 0;
    number++;
    return bytes.length === 0 ? null : { number, bytes };
  };

  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(LINE_FEED); end !== -1; end = chunk.indexOf(LINE_FEED, start)) {
      hold(chunk.subarray(start, end));
      start = end + 1;
      const line = take();
      if (line !== null) yield line;
    }
    if (start < chunk.length) hold(chunk.subarray(start));
  }
  const last = pendingBytes === 0 ? null : take();
  if (last !== null) yield last;
}

function withoutReturn(line: Buffer): Buffer {
  return line.at(-1) === CARRIAGE_RETURN ? line.subarray(0, -1) : line;
}

/** Yields chunks unchanged after adding each to the hash. */
export async function* hashedChunks(chunks: AsyncIterable<Buffer>, hash: Pick<Hash, "update">): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    hash.update(chunk);
    yield chunk;
  }
}

/**
 * The same bytes, with the source's errors replaced. Destroying the answer destroys the source, read from or not, so that no socket
 * or file stays open; a source that closes before its end is an error, too.
 */
export function mapStreamErrors(source: Readable, mapError: (error: unknown) => unknown): Readable {
  const relay = new Readable({
    read: () => void source.resume(),
    destroy(error, done) {
      source.destroy();
      done(error);
    },
  });
  source.pause();
  source.on("data", (chunk: Buffer) => {
    if (!relay.push(chunk)) source.pause();
  });
  source.on("end", () => relay.push(null));
  source.on("error", (error) => relay.destroy(asError(mapError(error))));
  source.on("close", () => {
    if (!source.readableEnded) relay.destroy(asError(mapError(new Error("it ended too early"))));
  });
  return relay;
}

function asError(value: unknown): Error {
  return value instanceof Error ? value : new Error(String(value));
}
