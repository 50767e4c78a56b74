import { mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { errnoOf } from "./errno.ts";

/**
 * Makes a folder and those above it; one that is there is fine. Not Node's `recursive`: where the system answers ENOENT although the
 * parent is there, as in /proc, that tries again for ever (Node 24, MKDirpSync).
 */
export function makeFolder(path: string): void {
  try {
    mkdirSync(path);
  } catch (error) {
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) return;
    const parent = dirname(path);
    if (errnoOf(error) !== "ENOENT" || parent === path || isFolder(parent)) throw error;
    makeFolder(parent);
    makeFolder(path);
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
