import { statfs } from "node:fs/promises";
import { errnoOf } from "./files/file-problem.ts";

/** Returns true while a process of this machine has the id. */
export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return errnoOf(error) === "EPERM"; // Another user's process.
  }
}

/** Returns the bytes that this user may still write at a folder; null if it is missing or cannot be asked. */
export async function freeDiskBytes(folder: string): Promise<number | null> {
  try {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return null;
  }
}
