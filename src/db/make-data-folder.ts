import { dirname } from "node:path";
import { FatalError } from "../errors.ts";
import { fileHint, fileProblem } from "../lib/files/file-problem.ts";
import { makeFolder } from "../lib/files/make-folder.ts";

/** For its owner alone: names, votes and prompts are in it. A folder that is there already keeps its rights. */
const PRIVATE = 0o700;

/** Makes `dir`, for its owner alone. @throws {FatalError} where this user or the file system does not allow it. */
export function makeDataFolder(dir: string): void {
  make(dir, PRIVATE);
}

/** Makes a folder in `dir`, and `dir` itself. @throws {FatalError} as makeDataFolder(). */
export function makeFolderInData(folder: string): void {
  makeDataFolder(dirname(folder));
  make(folder, PRIVATE);
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
