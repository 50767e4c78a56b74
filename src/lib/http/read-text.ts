import type { Readable } from "node:stream";

/** A body slower than this is one that never ends. */
const SLOWEST_BYTES_PER_S = 64 * 1024;

export interface TextLimits {
  readonly maxBytes: number;
  /** How long the body may take, and as much more as its bytes need at 64 KiB a second, ms. Without it the sender decides. */
  readonly patienceMs?: number;
}

/**
 * Reads up to `maxBytes` (and a chunk) of a body as text. What is longer is cut, and so is what comes too slowly to ever end; their
 * connection is given up. A body that stops coming is for the timeouts of the connection.
 */
export async function readText(
  body: Readable,
  { maxBytes, patienceMs = Infinity }: TextLimits,
): Promise<{ readonly text: string; readonly isCut: boolean }> {
  const chunks: Buffer[] = [];
  const startMs = performance.now();
  let sizeBytes = 0;
  let isCut = false;
  // Bodies give Buffers unless an encoding is set.
  for await (const chunk of body as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    sizeBytes += chunk.length;
    isCut = sizeBytes > maxBytes || performance.now() - startMs > patienceMs + (sizeBytes / SLOWEST_BYTES_PER_S) * 1_000;
    if (isCut) break; // Leaving the loop destroys the body.
  }
  return { text: Buffer.concat(chunks).toString("utf8"), isCut };
}
