import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { CsvError } from "csv-parse";
import { FatalError } from "../../../errors.ts";
import { errnoOf } from "../../../lib/files/file-problem.ts";
import { byteLines, hashedChunks, type ByteLine } from "../../../lib/streams.ts";
import { MIB } from "../../../lib/units.ts";
import type { ObjectStore } from "../../../stores/object-store.ts";

type ReadableStore = Pick<ObjectStore, "get">;

/** A row is a prompt and some images. A longer line is damage, not data. */
const LINE_BYTES_MAX = 64 * MIB;
/** Errors of a file system about one path, which say nothing of other paths. */
const OF_ONE_FILE: ReadonlySet<string> = new Set(["EISDIR", "ENOTDIR", "EACCES", "EPERM", "ELOOP", "EIO", "ENAMETOOLONG"]);

/** A file of a published version that is hashed while it is read. Disposing it closes the store's stream, read to its end or not. */
export interface PublishedFile extends Disposable {
  readonly chunks: AsyncIterable<Buffer>;
  /** Reads the rest, and returns the SHA-256 (hex) of the whole file. */
  sha256(): Promise<string>;
}

/** Opens a file of a published version; null where there is none. Throws as the store does. */
export async function openPublished(store: ReadableStore, key: string, signal: AbortSignal): Promise<PublishedFile | null> {
  const body = await store.get(key, signal);
  if (body === null) return null;
  const hash = createHash("sha256");
  const chunks = hashedChunks(body as AsyncIterable<Buffer>, hash); // A stream without an encoding yields Buffers.
  return {
    chunks,
    async sha256() {
      for await (const _chunk of chunks) continue;
      return hash.digest("hex");
    },
    [Symbol.dispose]: () => void body.destroy(),
  };
}

/** Streams a file of a published version. @throws {RangeError} where there is none. */
export async function streamPublished(store: ReadableStore, key: string, signal: AbortSignal): Promise<AsyncIterable<Buffer>> {
  const body = await store.get(key, signal);
  if (body === null) throw new RangeError(`${key} is missing`);
  return body as AsyncIterable<Buffer>; // A stream without an encoding yields Buffers.
}

/** Reads a small text; null where there is none. Throws as the store does. */
export async function readText(store: ReadableStore, key: string, signal: AbortSignal): Promise<string | null> {
  const body = await store.get(key, signal);
  return body === null ? null : text(body);
}

/** Reads a small text; null where there is none, or where this one file cannot be read. */
export async function tryReadText(store: ReadableStore, key: string, signal: AbortSignal): Promise<string | null> {
  try {
    return await readText(store, key, signal);
  } catch (error) {
    if (unreadableReason(error) === null) throw error;
    return null;
  }
}

/** Cuts the bytes of a JSONL file into lines; `path` says whether they are compressed. Throws what isDamage() recognises. */
export function publishedLines(path: string, chunks: AsyncIterable<Buffer>): AsyncGenerator<ByteLine> {
  return byteLines(path.endsWith(".gz") ? gunzipped(chunks) : chunks, { maxBytes: LINE_BYTES_MAX });
}

/** Does not use Readable.compose(), which throws where nobody can catch it if a file is cut short. */
async function* gunzipped(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const gunzip = createGunzip();
  const fed = pipeline(Readable.from(chunks, { objectMode: false }), gunzip);
  // Damage ends the loop below with its own error; without a handler here it would be reported twice.
  fed.catch(() => undefined);
  yield* gunzip as AsyncIterable<Buffer>; // A stream without an encoding yields Buffers.
  await fed;
}

/** Returns true for what a broken file makes gunzip, the CSV parser and byteLines() throw; false for a store's error or a bug. */
export function isDamage(error: unknown): boolean {
  if (error instanceof RangeError || error instanceof CsvError) return true;
  return error instanceof Error && "code" in error && typeof error.code === "string" && error.code.startsWith("Z_");
}

/** Returns why one object of a folder store cannot be read, where others may be; null for any other error. */
export function unreadableReason(error: unknown): string | null {
  return error instanceof FatalError && OF_ONE_FILE.has(errnoOf(error.cause) ?? "") ? error.message : null;
}
