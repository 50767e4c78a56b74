import { statfs } from "node:fs/promises";
import { errnoOf } from "./errno.ts";

/** Bytes that this user may still write where a folder is; null where there is none, or it cannot be asked. */
export async function freeDiskBytes(folder: string): Promise<number | null> {
  try {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return null;
  }
}
