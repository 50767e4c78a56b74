import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { lstat } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { RejectError } from "../../errors.ts";
import { errnoOf } from "../../lib/files/file-problem.ts";
import { createStripper } from "../../images/strip.ts";

export interface SameOriginalOptions {
  /** Of what is stored. */
  readonly sha256: string;
  readonly signal: AbortSignal;
}

/** Length of the file where its bytes, as they are or without metadata, are what is stored; else null. */
export async function sameOriginal(path: string, { sha256, signal }: SameOriginalOptions): Promise<number | null> {
  try {
    if (!(await lstat(path)).isFile()) return null;
    const hash = createHash("sha256");
    let sizeBytes = 0;
    const stripper = createStripper({ hold: "whole" });
    const source = createReadStream(path);
    source.on("data", (chunk) => {
      hash.update(chunk);
      sizeBytes += chunk.length;
    });
    stripper.stream.resume();
    await pipeline(source, stripper.stream, { signal });
    return hash.digest("hex") === sha256 || stripper.facts().sha256 === sha256 ? sizeBytes : null;
  } catch (error) {
    // No image; gone; not to be read: not proven, so it stays.
    if (error instanceof RejectError || error instanceof RangeError || errnoOf(error) !== undefined || signal.aborted) return null;
    throw error;
  }
}
