import type { Readable } from "node:stream";

/** Up to `maxBytes` (and a chunk) of a body as text. What is longer is cut, and its connection given up. */
export async function readText(body: Readable, maxBytes: number): Promise<{ readonly text: string; readonly isCut: boolean }> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  let isCut = false;
  // Bodies give Buffers unless an encoding is set.
  for await (const chunk of body as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    sizeBytes += chunk.length;
    isCut = sizeBytes > maxBytes;
    if (isCut) break; // Leaving the loop destroys the body.
  }
  return { text: Buffer.concat(chunks).toString("utf8"), isCut };
}
