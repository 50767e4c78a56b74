import { createHash } from "node:crypto";
import { createReadStream, writeSync } from "node:fs";
import { mkdir, open, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";
import { FatalError } from "../../../errors.ts";
import type { Chunks } from "../../../exporters/image-format.ts";
import { fileProblem } from "../../../lib/files/file-problem.ts";
import { writePieces } from "../../../lib/files/write-pieces.ts";

/** A finished file of the version to be. */
export interface SpooledFile {
  /** In the version, with slashes. */
  readonly path: string;
  readonly sizeBytes: number;
  /** Hex. */
  readonly sha256: string;
}

export interface Spool extends AsyncDisposable {
  write(path: string, chunks: Chunks): Promise<SpooledFile>;
  read(path: string): Readable;
  /** Where a finished file lies on this machine's disk. */
  fileOf(path: string): string;
  /** A folder for what is needed on the way; nothing of it is published. */
  scratch(name: string): string;
}

/**
 * A folder in which a whole version is made before any of it is published: only then are sizes and checksums known, and whether it is
 * a new version at all. What a crashed process left in it is removed.
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
        // Meanwhile, on this thread.
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
      hint: "an export needs room for itself under `dir` while it is made; free some, or let this user write there, and export again",
      cause: error,
    });
  }
}

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
