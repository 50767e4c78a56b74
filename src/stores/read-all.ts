import type { Readable } from "node:stream";
import { FatalError, TransientError, isAbort, messageOf } from "../errors.ts";

/**
 * Reads a stored object that is known to be `sizeBytes` long; memory is bounded by that. `into`: memory of that length, which is answered.
 * @throws {TransientError} if the stream breaks or has another length: what the database says of it was verified when it was stored.
 */
export async function readAll(body: Readable, sizeBytes: number, into: Buffer | null = null): Promise<Uint8Array> {
  let bytes = into;
  let length = 0;
  try {
    // A store's stream yields Buffers: no encoding is ever set on it.
    for await (const chunk of body as AsyncIterable<Buffer>) {
      if (length + chunk.length > sizeBytes) throw new TransientError(`the stored object is longer than the ${sizeBytes} bytes recorded`);
      // Most images come in one piece, which needs no second buffer.
      if (bytes === null) bytes = chunk.length === sizeBytes ? chunk : Buffer.allocUnsafe(sizeBytes);
      if (bytes !== chunk) chunk.copy(bytes, length);
      length += chunk.length;
    }
  } catch (error) {
    if (error instanceof TransientError || error instanceof FatalError || isAbort(error)) throw error;
    throw new TransientError(`the stored object could not be read to its end: ${messageOf(error)}`, { cause: error });
  } finally {
    body.destroy();
  }
  if (length < sizeBytes) throw new TransientError(`the stored object is ${length} bytes long, not the ${sizeBytes} recorded`);
  return bytes ?? Buffer.alloc(0);
}
