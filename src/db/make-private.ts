import { chmodSync, closeSync, openSync } from "node:fs";
import { errnoOf } from "../lib/files/file-problem.ts";

/** For its owner alone: names of annotators and their votes are in it. */
const MODE = 0o600;

/**
 * Makes the database's file readable for its owner alone, before there is anything in it; SQLite gives the files beside it the same rights.
 * One of an earlier version gets them, too. What cannot be changed (another user's file, a file system without rights) stays as it is.
 */
export function makePrivate(file: string): void {
  try {
    closeSync(openSync(file, "a", MODE));
    for (const each of [file, `${file}-wal`, `${file}-shm`]) chmodIfThere(each);
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    // SQLite says it, if it cannot go on.
  }
}

function chmodIfThere(file: string): void {
  try {
    chmodSync(file, MODE);
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error;
  }
}
