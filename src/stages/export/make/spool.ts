import { createHash } from "node:crypto";
import { createReadStream, writeSync } from "node:fs";
import { mkdir, open, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";
import { FatalError } from "../../../errors.ts";
import type { Chunks } from "../../../exporters/image-format.ts";
import { fileProblem } from "../../../lib/files/file-problem.ts";
import { writePieces } from "../../../lib/files/write-pieces.ts";

/** A finished file of the version that is being made. */
export interface SpooledFile {
  /** Path in the version, with slashes. */
  readonly path: string;
  readonly sizeBytes: number;
  /** SHA-256, hex. */
  readonly sha256: string;
}

export interface Spool extends AsyncDisposable {
  write(path: string, chunks: Chunks): Promise<SpooledFile>;
  read(path: string): Readable;
  /** Returns the path of a finished file on this machine. */
  fileOf(path: string): string;
  /** Returns a folder for temporary files. They are not published. */
  scratch(name: string): string;
}

/**
 * Opens a folder in which a whole version is made before any of it is published. Only then are sizes and checksums known, and whether it is
 * a new version at all. What a crashed process left in the folder is removed.
 */
export async function openSpool(folder: string): Promise<Spool> {
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  await onDisk(folder, remove);
  return {
    async write(path, chunks) {
      const file = join(folder, path);
      const hash = createHash("sha256");
      let sizeBytes = 0;
      await onDisk(file, () => mkdir(dirname(file), { recursive: true }));
      await using handle = await onDisk(file, () => open(file, "w"));
      for await (const chunk of chunks) {
        const pieces = chunk instanceof Uint8Array ? [chunk] : chunk;
        const isWritten = onDisk(file, () => writePieces(handle, pieces));
        // Hashes on this thread while the disk writes.
        for (const piece of pieces) {
          hash.update(piece);
          sizeBytes += piece.length;
        }
        await isWritten;
      }
      return { path, sizeBytes, sha256: hash.digest("hex") };
    },
    fileOf: (path) => join(folder, path),
    read: (path) => createReadStream(join(folder, path)),
    scratch: (name) => join(folder, ".scratch", name),
    [Symbol.asyncDispose]: remove,
  };
}

async function onDisk<Result>(file: string, call: () => Promise<Result>): Promise<Result> {
  try {
    return await call();
  } catch (error) {
    throw new FatalError(`Cannot write ${file}: ${fileProblem(error)}`, {
      hint: "an export is first made under `dir`. Free some space there, or let this user write there, and export again",
      cause: error,
    });
  }
}

/** A temporary file of an export. */
export interface ScratchFile {
  readonly file: string;
  readonly descriptor: number;
}

/**
 * Runs a call on a temporary file.
 * @throws {FatalError} where the disk refuses, or the file is gone.
 */
export function onScratch<Result>(file: string, call: () => Result): Result {
  try {
    return call();
  } catch (error) {
    throw new FatalError(`Cannot write ${file}: ${fileProblem(error)}`, {
      hint: "an export needs space for two copies of its rows under `dir`. Free some space there, or let this user write there, and export again",
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

/** Creates the error for a temporary file that is shorter than what was written. */
export function shortFileError({ file }: Pick<ScratchFile, "file">): FatalError {
  return new FatalError(`Cannot read ${file}: the file became shorter while it was read`, {
    hint: "make sure that no other program writes there, and export again",
  });
}
