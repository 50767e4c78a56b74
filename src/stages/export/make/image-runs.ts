import { closeSync, mkdirSync, openSync, readSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { ExportedImage } from "../../../db/queries/export/row-records.ts";
import { shortFileError, onScratch, type ScratchFile, writeScratch } from "./spool.ts";
import { MIB } from "../../../lib/units.ts";

/** Bytes sorted in memory at a time: some 5,000 images, so that 4,000,000 images are 800 runs. Sorting needs five times as much. */
const RUN_BYTES = MIB;
/** Bytes read of a run at a time: 6 MB for 800 runs. */
const READ_BYTES = 8 * 1024;
/** A UTF-16 unit takes up to 3 bytes in UTF-8. */
const BYTES_A_UNIT = 3;
/** Ends a record. No byte of UTF-8 is this. */
const END_BYTE = 0xff;
const END = "\u00ff";

/** Takes images in any order, and returns them sorted by URI (in the order of its UTF-8) and id. */
export interface ImageRuns extends Disposable {
  add(image: ExportedImage): void;
  /** Yields all images. Equal ones follow each other. Called once, after the last was added. */
  sorted(): Generator<ExportedImage>;
}

/** Position of a sorted run in the file, in bytes. */
interface Run {
  readonly start: number;
  readonly end: number;
}

/**
 * Sorts some thousand images at a time, writes these runs to one file, and merges them. The file is removed at the end. Records wait as
 * bytes: as objects, each would be copied twice by the garbage collector.
 */
export function openImageRuns(folder: string, runBytes = RUN_BYTES): ImageRuns {
  let scratch: ScratchFile | null = null;
  const runs: Run[] = [];
  let buffer = Buffer.allocUnsafeSlow(runBytes);
  let used = 0;
  const takeSorted = (): readonly string[] => {
    const records = used === 0 ? [] : cutRecords(buffer.subarray(0, used)).toSorted();
    used = 0;
    return records;
  };
  const writeRun = (): void => {
    const bytes = Buffer.from(takeSorted().join(END) + END, "latin1");
    scratch ??= openIn(folder);
    const start = runs.at(-1)?.end ?? 0;
    writeScratch(scratch, bytes, start);
    runs.push({ start, end: start + bytes.length });
  };
  return {
    add({ uri, id, sha256, bytes, isReference }) {
      // NUL sorts before anything that a longer URI may have here.
      const record = `${uri}\0${id} ${sha256} ${bytes} ${isReference}`;
      const needed = record.length * BYTES_A_UNIT + 1;
      if (used + needed > buffer.length && used > 0) writeRun();
      if (needed > buffer.length) buffer = Buffer.allocUnsafeSlow(needed);
      used += buffer.write(record, used);
      buffer[used++] = END_BYTE;
    },
    *sorted() {
      const file = scratch;
      const written = file === null ? [] : runs.map((run) => readRun(file, run));
      for (const record of mergeRuns([...written, takeSorted().values()])) yield parseRecord(record);
    },
    [Symbol.dispose]() {
      if (scratch !== null) closeSync(scratch.descriptor);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function openIn(folder: string): ScratchFile {
  const file = join(folder, "sorted.images");
  const descriptor = onScratch(file, () => {
    mkdirSync(folder, { recursive: true });
    return openSync(file, "w+");
  });
  return { file, descriptor };
}

/** Cuts bytes into records. A character stands for a byte, so that their order is that of bytes. */
function cutRecords(bytes: Buffer): string[] {
  return bytes.toString("latin1", 0, bytes.length - 1).split(END);
}

function parseRecord(record: string): ExportedImage {
  const end = record.lastIndexOf("\0");
  const [id = "", sha256 = "", bytes = "", isReference = ""] = record.slice(end + 1).split(" ");
  const uri = Buffer.from(record.slice(0, end), "latin1").toString();
  return { id, uri, sha256, bytes: Number(bytes), isReference: isReference === "1" ? 1 : 0 };
}

function* readRun({ file, descriptor }: ScratchFile, { start, end: runEnd }: Run): Generator<string> {
  const buffer = Buffer.allocUnsafe(READ_BYTES);
  let rest = Buffer.alloc(0);
  for (let position = start; position < runEnd;) {
    const got = onScratch(file, () => readSync(descriptor, buffer, 0, Math.min(READ_BYTES, runEnd - position), position));
    if (got === 0) throw shortFileError({ file });
    position += got;
    const bytes = Buffer.concat([rest, buffer.subarray(0, got)]);
    const end = bytes.lastIndexOf(END_BYTE) + 1;
    if (end > 0) yield* cutRecords(bytes.subarray(0, end));
    rest = bytes.subarray(end);
  }
  if (rest.length > 0) throw shortFileError({ file });
}

interface Head {
  readonly record: string;
  readonly run: Iterator<string>;
}

function* mergeRuns(runs: readonly Iterator<string>[]): Generator<string> {
  // In descending order, so that the next one is taken from the end.
  const heads: Head[] = [];
  const advance = (run: Iterator<string>): void => {
    const next = run.next();
    if (next.done === true) return;
    let [low, high] = [0, heads.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = heads[middle];
      if (other !== undefined && other.record > next.value) low = middle + 1;
      else high = middle;
    }
    heads.splice(low, 0, { record: next.value, run });
  };
  for (const run of runs) advance(run);
  for (let first = heads.pop(); first !== undefined; first = heads.pop()) {
    yield first.record;
    advance(first.run);
  }
}
