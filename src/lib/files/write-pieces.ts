import type { FileHandle } from "node:fs/promises";
import { MIB } from "../units.ts";

/** Written at a time: in calls of many megabytes from many places, the kernel (6.18, ext4) needs twice the time for each byte. */
const BATCH_BYTES = 2 * MIB;

/** Appends pieces that lie apart in memory, in few writes. */
export async function writePieces(handle: Pick<FileHandle, "write" | "writev">, pieces: readonly Uint8Array[]): Promise<void> {
  let batch: Uint8Array[] = [];
  let sizeBytes = 0;
  for (const piece of pieces) {
    if (sizeBytes > 0 && sizeBytes + piece.length > BATCH_BYTES) {
      await writeBatch(handle, batch);
      batch = [];
      sizeBytes = 0;
    }
    batch.push(piece);
    sizeBytes += piece.length;
  }
  if (sizeBytes > 0) await writeBatch(handle, batch);
}

async function writeBatch(handle: Pick<FileHandle, "write" | "writev">, batch: readonly Uint8Array[]): Promise<void> {
  let bytesWritten = batch.length > 1 ? (await handle.writev(batch)).bytesWritten : 0;
  // A full disk, say, takes only some: the next write says why.
  for (const piece of batch) {
    const taken = Math.min(bytesWritten, piece.length);
    bytesWritten -= taken;
    if (taken < piece.length) await writeAll(handle, piece.subarray(taken));
  }
}

/** Appends the whole chunk in as few writes as the system takes it in: writeFile() and appendFile() would write halves of a megabyte. */
export async function writeAll(handle: Pick<FileHandle, "write">, chunk: Uint8Array): Promise<void> {
  for (let at = 0; at < chunk.length;) at += (await handle.write(chunk, at)).bytesWritten;
}
