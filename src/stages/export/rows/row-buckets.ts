import { closeSync, mkdirSync, openSync, readSync, rmSync } from "node:fs";
import { join } from "node:path";
import { freeMemory } from "../../../lib/free-memory.ts";
import { shortFileError, onScratch, type ScratchFile, writeScratch } from "../make/spool.ts";
import { MIB } from "../../../lib/units.ts";

/** Written to a bucket's file at a time. With as many buckets as there may be, 8 MB. */
const BUFFER_BYTES = 16 * 1024;
/** Before each line: its bytes in 4, its key's in 1, then the key. */
const HEADER_BYTES = 5;
/** A bucket up to this size is read at once, a larger one line by line. */
const READ_BYTES_MAX = 32 * MIB;
/** Handed over at a time, or one line if that is longer. */
const CHUNK_BYTES = 512 * 1024;
/** A UTF-16 unit takes up to 3 bytes in UTF-8. */
const BYTES_A_UNIT = 3;
const NO_BYTES = Buffer.alloc(0);

/** Lines that come in any order, kept on the disk by range of their keys, and read back in the order of these. */
export interface RowBuckets extends Disposable {
  /** `key`: ASCII, up to 255 characters, smaller than the keys of the next bucket. Adds the line feed. */
  add(bucket: number, key: string, line: string): void;
  /**
   * The lines of some buckets that follow each other, in chunks, each in the memory of the one before; their files go. To be called once
   * everything was added.
   */
  sorted(from: number, to: number): Generator<Buffer>;
}

interface Bucket extends ScratchFile {
  readonly buffer: Buffer;
  used: number;
  sizeBytes: number;
}

/** `count` buckets in a folder that is made for them, and goes with them. Memory: one buffer a bucket, and one bucket when it is read. */
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
      // For all of them: what each would leave behind is taken away much later.
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
  /** Grows with the largest one. */
  bucket: Buffer;
  readonly chunk: Buffer;
}

function* sortedAtOnce(bucket: Bucket, memory: SortMemory): Generator<Buffer> {
  const { sizeBytes } = bucket;
  // Rather a little more than once more for each that is a little larger.
  if (sizeBytes > memory.bucket.length) memory.bucket = Buffer.allocUnsafeSlow(Math.ceil(sizeBytes * 1.25));
  const bytes = memory.bucket.subarray(0, sizeBytes);
  readInto(bucket, bytes, 0);
  const places: Place[] = [];
  for (let at = 0; at < bytes.length;) {
    const place = placeOf(bytes, at, 0);
    places.push(place);
    at = place.end;
  }
  const { chunk } = memory;
  let used = 0;
  for (const { start, end } of byKey(places)) {
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
    const place = placeOf(readAt(bucket, at, Math.min(HEADER_BYTES + 0xff, bucket.sizeBytes - at)), 0, at);
    places.push(place);
    at = place.end;
  }
  for (const { start, end } of byKey(places)) yield readAt(bucket, start, end - start);
}

/** Of the record at `at` of `bytes`, which begin at `offset` of the file. */
function placeOf(bytes: Buffer, at: number, offset: number): Place {
  const keyStart = at + HEADER_BYTES;
  const keyEnd = keyStart + (bytes[keyStart - 1] ?? 0);
  const start = offset + keyEnd;
  return { key: bytes.toString("latin1", keyStart, keyEnd), start, end: start + bytes.readUInt32LE(at) };
}

function byKey(places: readonly Place[]): readonly Place[] {
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
