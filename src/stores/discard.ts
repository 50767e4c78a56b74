import { unlink } from "node:fs/promises";
import { errnoOf } from "../lib/files/file-problem.ts";

/**
 * Removes a temporary file, if it can be: what the file was for has failed or is done, and that is what the caller tells. One that stays is
 * removed by the next start. (rm() of `force` looks first, which is a system call more for every object.)
 */
export async function discard(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
  }
}
