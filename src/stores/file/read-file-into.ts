import { closeSync, fstatSync, open, read } from "node:fs";
import { promisify } from "node:util";

// FileHandles cost more than what they do: three of their calls, and what is kept of each for the collector.
const [openFile, readPiece] = [promisify(open), promisify(read)];

/**
 * Fills memory with a file of just its length. Answers the length that the file has; where that is another, memory holds anything.
 * Only what waits for the disk is left to the thread pool: to ask an open file for its length, or to close it, is less than the way there.
 */
export async function readFileInto(path: string, bytes: Uint8Array): Promise<number> {
  const file = await openFile(path, "r");
  try {
    const { size } = fstatSync(file);
    if (size !== bytes.length) return size;
    for (let at = 0; at < size;) {
      const { bytesRead } = await readPiece(file, bytes, at, size - at, at);
      if (bytesRead === 0) return at; // Cut since.
      at += bytesRead;
    }
    return size;
  } finally {
    closeSync(file);
  }
}
