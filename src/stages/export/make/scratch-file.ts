import { writeSync } from "node:fs";
import { FatalError } from "../../../errors.ts";
import { fileProblem } from "../../../lib/files/file-problem.ts";

/** A file that an export needs on its way. */
export interface ScratchFile {
  readonly file: string;
  readonly descriptor: number;
}

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

/** Writes all bytes at a position. @throws {FatalError} as onScratch() does. */
export function writeScratch({ file, descriptor }: ScratchFile, bytes: Uint8Array, position: number): void {
  onScratch(file, () => {
    for (let done = 0; done < bytes.length;) done += writeSync(descriptor, bytes, done, bytes.length - done, position + done);
  });
}

/** For a file that has less in it than was written. */
export function cutShort({ file }: Pick<ScratchFile, "file">): FatalError {
  return new FatalError(`Cannot read ${file}: it was cut short`, { hint: "export again, and let nobody else write there" });
}
