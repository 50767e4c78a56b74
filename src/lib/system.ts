import { statfs } from "node:fs/promises";
import { errnoOf } from "./files/file-problem.ts";

/** True while a process of this machine has the id. */
export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return errnoOf(error) === "EPERM"; // Another user's process.
  }
}

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
