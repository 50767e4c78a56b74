import { chmodSync, closeSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { FatalError } from "../errors.ts";
import { errnoOf, fileHint, fileProblem } from "../lib/files/file-problem.ts";
import { makeFolder } from "../lib/files/make-folder.ts";

/** The folder is for its owner alone: names, votes and prompts are in it. A folder that is there already keeps its rights. */
const FOLDER_MODE = 0o700;

/** Makes `dir`, for its owner alone. @throws {FatalError} if this user or the file system does not allow it. */
export function makeDataFolder(dir: string): void {
  make(dir, FOLDER_MODE);
}

/** Makes a folder in `dir`, and `dir` itself. @throws {FatalError} as makeDataFolder(). */
export function makeFolderInData(folder: string): void {
  makeDataFolder(dirname(folder));
  make(folder, FOLDER_MODE);
}

function make(folder: string, mode: number): void {
  try {
    makeFolder(folder, mode);
  } catch (error) {
    throw new FatalError(`Cannot make the folder ${folder}: ${fileProblem(error)}`, {
      hint: fileHint(error, "`dir` in the config has to be a folder that this user may write; choose another, or change its rights"),
      cause: error,
    });
  }
}

/** The database is for its owner alone: names of annotators and their votes are in it. */
const FILE_MODE = 0o600;

/**
 * Makes the database's file readable for its owner alone, before there is anything in it; SQLite gives the files beside it the same rights.
 * One of an earlier version gets them, too. What cannot be changed (another user's file, a file system without rights) stays as it is.
 */
export function makePrivate(file: string): void {
  try {
    closeSync(openSync(file, "a", FILE_MODE));
    for (const each of [file, `${file}-wal`, `${file}-shm`]) chmodIfThere(each);
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    // SQLite says it, if it cannot go on.
  }
}

function chmodIfThere(file: string): void {
  try {
    chmodSync(file, FILE_MODE);
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error;
  }
}
