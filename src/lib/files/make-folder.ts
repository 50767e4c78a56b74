import { mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { errnoOf } from "./file-problem.ts";

/**
 * Makes a folder and those above it; one that is there is fine. Not Node's `recursive`: where the system answers ENOENT although the
 * parent is there, as in /proc, that tries again for ever (Node 24, MKDirpSync).
 * `mode` is that of the folder itself, where it is made; those above it get the system's default.
 */
export function makeFolder(path: string, mode?: number): void {
  try {
    mkdirSync(path, mode);
  } catch (error) {
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) return;
    const parent = dirname(path);
    if (errnoOf(error) !== "ENOENT" || parent === path || isFolder(parent)) throw error;
    makeFolder(parent);
    makeFolder(path, mode);
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
