import { text } from "node:stream/consumers";
import type { ObjectStore } from "../../../stores/object-store.ts";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { CsvError } from "csv-parse";
import { FatalError } from "../../../errors.ts";
import { errnoOf } from "../../../lib/files/file-problem.ts";

/** A small text; null where nothing is that can be read. */
export async function readText(store: Pick<ObjectStore, "get">, key: string, signal: AbortSignal): Promise<string | null> {
  try {
    const body = await store.get(key, signal);
    return body === null ? null : await text(body);
  } catch (error) {
    if (unreadableReason(error) === null) throw error;
    return null;
  }
}

/** Not Readable.compose(): of a file that is cut short it throws where nobody can catch it. */
export async function* gunzipped(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const gunzip = createGunzip();
  const fed = pipeline(Readable.from(chunks, { objectMode: false }), gunzip);
  // Damage ends the loop below with its own error; without a handler here it would be reported twice.
  fed.catch(() => undefined);
  yield* gunzip as AsyncIterable<Buffer>; // Without an encoding a stream yields Buffers.
  await fed;
}

/** What a broken file makes gunzip, the CSV parser and byteLines() throw; a store's error or a bug is none of these. */
export function isDamage(error: unknown): boolean {
  if (error instanceof RangeError || error instanceof CsvError) return true;
  return error instanceof Error && "code" in error && typeof error.code === "string" && error.code.startsWith("Z_");
}

/** What a file system says of one path, whatever it says of others. */
const OF_ONE_FILE: ReadonlySet<string> = new Set(["EISDIR", "ENOTDIR", "EACCES", "EPERM", "ELOOP", "EIO", "ENAMETOOLONG"]);

/** Why one object of a folder store cannot be read, where the others may be; null for every other error. */
export function unreadableReason(error: unknown): string | null {
  return error instanceof FatalError && OF_ONE_FILE.has(errnoOf(error.cause) ?? "") ? error.message : null;
}
