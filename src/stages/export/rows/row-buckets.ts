import { closeSync, mkdirSync, openSync, readSync, rmSync } from "node:fs";
import { join } from "node:path";
import { freeMemory } from "../../../lib/free-memory.ts";
import { shortFileError, onScratch, type ScratchFile, writeScratch } from "../make/spool.ts";
import { MIB } from "../../../lib/units.ts";

/** Bytes written to a bucket's file at a time. The most buckets that there may be need 8 MB. */
const BUFFER_BYTES = 16 * 1024;
/** Bytes before each line: the size of the line in 4, the size of its key in 1. The key follows. */
const HEADER_BYTES = 5;
/** A bucket up to this size is read at once, a larger one line by line. */
const READ_BYTES_MAX = 32 * MIB;
/** Bytes of lines in a chunk, or one line if that is longer. */
const CHUNK_BYTES = 512 * 1024;
/** A UTF-16 unit takes up to 3 bytes in UTF-8. */
const BYTES_A_UNIT = 3;
const NO_BYTES = Buffer.alloc(0);

/** Takes lines in any order, keeps them on the disk by ranges of their keys, and returns them in the order of their keys. */
export interface RowBuckets extends Disposable {
  /** Adds a line, and a line feed. `key` is ASCII, at most 255 characters, and smaller than the keys of the next bucket. */
  add(bucket: number, key: string, line: string): void;
  /**
   * Yields the lines of the buckets from `from` up to, but not with, `to`, in chunks. Each chunk uses the memory of the one before. The
   * files of these buckets are removed. Called once everything was added.
   */
  sorted(from: number, to: number): Generator<Buffer>;
}

interface Bucket extends ScratchFile {
  readonly buffer: Buffer;
  used: number;
  sizeBytes: number;
}

/**
 * Opens `count` buckets in a new folder, which is removed with them. Uses the memory of one buffer for each bucket, and of one bucket while
 * it is read.
 */
export function openRowBuckets(folder: string, count: number): RowBuckets {
  const memory = Buffer.allocUnsafeSlow(count * BUFFER_BYTES);
  const buckets = onScratch(folder, () => {
    mkdirSync(folder, { recursive: true });
    return Array.from({ length: count }, (_, index): Bucket => {
      const file = join(folder, `${index}.rows`);
      return {
        file,
        descriptor: openSync(file, "w+"),
        buffer: memory.subarray(index * BUFFER_BYTES, (index + 1) * BUFFER_BYTES),
        used: 0,
        sizeBytes: 0,
      };
    });
  });
  const open = new Set(buckets);
  const close = (bucket: Bucket): void => {
    if (!open.delete(bucket)) return;
    closeSync(bucket.descriptor);
    rmSync(bucket.file, { force: true });
  };
  return {
    add(index, key, line) {
      const bucket = bucketAt(buckets, index);
      const needed = HEADER_BYTES + key.length + line.length * BYTES_A_UNIT + 1;
      if (bucket.used + needed > BUFFER_BYTES) flush(bucket);
      if (needed <= BUFFER_BYTES) {
        bucket.used = writeRecord(bucket.buffer, bucket.used, { key, line });
        return;
      }
      const large = Buffer.allocUnsafe(needed);
      writeAll(bucket, large.subarray(0, writeRecord(large, 0, { key, line })));
    },
    *sorted(from, to) {
      for (const bucket of open) flush(bucket);
      freeMemory(memory);
      // Shared by all buckets, because memory of each would be collected much later.
      const sorting: SortMemory = { bucket: NO_BYTES, chunk: Buffer.allocUnsafeSlow(CHUNK_BYTES) };
      for (let index = from; index < to; index++) {
        const bucket = bucketAt(buckets, index);
        yield* bucket.sizeBytes > READ_BYTES_MAX ? sortedLineByLine(bucket) : sortedAtOnce(bucket, sorting);
        close(bucket);
      }
    },
    [Symbol.dispose]() {
      for (const bucket of open) close(bucket);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function bucketAt(buckets: readonly Bucket[], index: number): Bucket {
  const bucket = buckets[index];
  if (bucket === undefined) throw new Error(`there is no bucket ${index} of ${buckets.length}`);
  return bucket;
}

function writeRecord(buffer: Buffer, at: number, { key, line }: { readonly key: string; readonly line: string }): number {
  const start = at + HEADER_BYTES + key.length;
  buffer.write(key, at + HEADER_BYTES, "latin1");
  const end = start + buffer.write(line, start);
  buffer[end] = 0x0a;
  buffer.writeUInt32LE(end + 1 - start, at);
  buffer[at + HEADER_BYTES - 1] = key.length;
  return end + 1;
}

function flush(bucket: Bucket): void {
  if (bucket.used > 0) writeAll(bucket, bucket.buffer.subarray(0, bucket.used));
  bucket.used = 0;
}

function writeAll(bucket: Bucket, bytes: Uint8Array): void {
  writeScratch(bucket, bytes, bucket.sizeBytes);
  bucket.sizeBytes += bytes.length;
}

interface Place {
  readonly key: string;
  readonly start: number;
  readonly end: number;
}

interface SortMemory {
  /** Grows to the largest bucket. */
  bucket: Buffer;
  readonly chunk: Buffer;
}

function* sortedAtOnce(bucket: Bucket, memory: SortMemory): Generator<Buffer> {
  const { sizeBytes } = bucket;
  // A little more, so that it does not grow again for each bucket that is a little larger.
  if (sizeBytes > memory.bucket.length) memory.bucket = Buffer.allocUnsafeSlow(Math.ceil(sizeBytes * 1.25));
  const bytes = memory.bucket.subarray(0, sizeBytes);
  readInto(bucket, bytes, 0);
  const places: Place[] = [];
  for (let at = 0; at < bytes.length;) {
    const place = parsePlace(bytes, at, 0);
    places.push(place);
    at = place.end;
  }
  const { chunk } = memory;
  let used = 0;
  for (const { start, end } of sortByKey(places)) {
    if (used + end - start > chunk.length) {
      if (used > 0) yield chunk.subarray(0, used);
      used = 0;
    }
    if (end - start > chunk.length) yield bytes.subarray(start, end);
    else used += bytes.copy(chunk, used, start, end);
  }
  if (used > 0) yield chunk.subarray(0, used);
}

function* sortedLineByLine(bucket: Bucket): Generator<Buffer> {
  const places: Place[] = [];
  for (let at = 0; at < bucket.sizeBytes;) {
    const place = parsePlace(readAt(bucket, at, Math.min(HEADER_BYTES + 0xff, bucket.sizeBytes - at)), 0, at);
    places.push(place);
    at = place.end;
  }
  for (const { start, end } of sortByKey(places)) yield readAt(bucket, start, end - start);
}

/** Reads where the record at `at` of `bytes` lies. `bytes` begin at `offset` of the file. */
function parsePlace(bytes: Buffer, at: number, offset: number): Place {
  const keyStart = at + HEADER_BYTES;
  const keyEnd = keyStart + (bytes[keyStart - 1] ?? 0);
  const start = offset + keyEnd;
  return { key: bytes.toString("latin1", keyStart, keyEnd), start, end: start + bytes.readUInt32LE(at) };
}

function sortByKey(places: readonly Place[]): readonly Place[] {
  return places.toSorted((first, second) => (first.key < second.key ? -1 : 1));
}

function readAt(bucket: Bucket, position: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  readInto(bucket, bytes, position);
  return bytes;
}

function readInto({ descriptor, file }: Bucket, bytes: Buffer, position: number): void {
  for (let done = 0; done < bytes.length;) {
    const got = onScratch(file, () => readSync(descriptor, bytes, done, bytes.length - done, position + done));
    if (got === 0) throw shortFileError({ file });
    done += got;
  }
}
