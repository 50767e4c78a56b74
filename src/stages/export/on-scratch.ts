import { FatalError } from "../../errors.ts";
import { fileProblem } from "../../lib/file-problem.ts";

/**
 * Runs a call on a file that an export needs on its way.
 * @throws {FatalError} where the disk refuses, or the file is gone.
 */
export function onScratch<Result>(file: string, call: () => Result): Result {
  try {
    return call();
  } catch (error) {
    throw new FatalError(`Cannot write ${file}: ${fileProblem(error)}`, {
      hint: "an export needs room under `dir` for itself, twice while it is made; free some, or let this user write there, and export again",
      cause: error,
    });
  }
}
