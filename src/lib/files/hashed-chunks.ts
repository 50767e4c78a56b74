import type { Hash } from "node:crypto";

/** Hands chunks on, each after the hash had it. */
export async function* hashedChunks(chunks: AsyncIterable<Buffer>, hash: Pick<Hash, "update">): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    hash.update(chunk);
    yield chunk;
  }
}
