import { FatalError } from "../errors.ts";
import { fileProblem } from "../lib/file-problem.ts";
import { makeFolder } from "../lib/make-folder.ts";

/** Makes a folder below `dir`. @throws {FatalError} where this user or the file system does not allow it. */
export function makeDataFolder(folder: string): void {
  try {
    makeFolder(folder);
  } catch (error) {
    throw new FatalError(`Cannot make the folder ${folder}: ${fileProblem(error)}`, {
      hint: "`dir` in the config has to be a folder that this user may write; choose another, or change its rights",
      cause: error,
    });
  }
}
