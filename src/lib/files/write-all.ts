import type { FileHandle } from "node:fs/promises";

/** Appends the whole chunk in as few writes as the system takes it in: writeFile() and appendFile() would write halves of a megabyte. */
export async function writeAll(handle: Pick<FileHandle, "write">, chunk: Uint8Array): Promise<void> {
  for (let at = 0; at < chunk.length;) at += (await handle.write(chunk, at)).bytesWritten;
}
