import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";

/** Not Readable.compose(): of a file that is cut short it throws where nobody can catch it. */
export async function* gunzipped(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const gunzip = createGunzip();
  const fed = pipeline(Readable.from(chunks, { objectMode: false }), gunzip);
  // Damage ends the loop below with its own error; without a handler here it would be reported twice.
  fed.catch(() => undefined);
  yield* gunzip as AsyncIterable<Buffer>; // Without an encoding a stream yields Buffers.
  await fed;
}
