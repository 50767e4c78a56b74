import { createHash } from "node:crypto";
import { Transform } from "node:stream";
import { type ImageFormat, SNIFF_BYTES, sniffFormat } from "./formats/format.ts";
import { walker, type Walker, type StripSink } from "./formats/walk.ts";

export interface StripOptions {
  /**
   * What is held back before anything leaves: up to where the pixels begin, so that the length is known by then; everything; or, for those
   * who need no length, nothing but a format whose beginning says it.
   */
  readonly hold: "head" | "whole" | "least";
}

export interface Stripper {
  /** The image without its metadata. Fails with LateMetadataError where `hold: "head"` was too little. */
  readonly stream: Transform;
  /** Once its first bytes came. Rejects with the stream. */
  readonly format: Promise<ImageFormat>;
  /** Number of bytes left out: known before anything leaves, with `hold: "least"` at the end. Rejects with the stream. */
  readonly removedBytes: Promise<number>;
  /** Facts of the stripped image, once the stream has ended. */
  facts(): StrippedFacts;
}

export interface StrippedFacts {
  readonly sizeBytes: number;
  /** Hex. */
  readonly sha256: string;
}

/** The image has metadata after its pixels: its stripped length cannot be known from its head. */
export class LateMetadataError extends Error {
  override readonly name = "LateMetadataError";
}

/**
 * Takes an image's metadata out as it passes. To stand behind the verifier, which lets only sound structure through, and the last bytes
 * only of an image that is proven: the metadata has served by then. A pure function of the image: equal images stay equal.
 */
export function createStripper({ hold }: StripOptions): Stripper {
  const hash = createHash("sha256");
  const removed = Promise.withResolvers<number>();
  const sniffed = Promise.withResolvers<ImageFormat>();
  // Whoever reads the stream learns of it, too.
  for (const { promise } of [removed, sniffed]) promise.catch(() => undefined);
  let begin: Buffer = Buffer.alloc(0);
  let walk: Walker<void> | undefined;
  let isHolding = true;
  let removedBytes = 0;
  let sizeBytes = 0;
  let kept: Buffer[] = [];
  let facts: StrippedFacts | undefined;

  const sink: StripSink = {
    keep(bytes) {
      if (bytes.length === 0) return;
      const last = kept.at(-1);
      if (last !== undefined && isNextTo(last, bytes)) {
        kept[kept.length - 1] = Buffer.from(last.buffer, last.byteOffset, last.length + bytes.length);
      } else kept.push(bytes);
    },
    drop(count) {
      if (!isHolding && hold === "head") throw new LateMetadataError("The image has metadata after its pixels");
      removedBytes += count;
    },
    headEnds() {
      if (hold === "head") letGo();
    },
  };

  function letGo(): void {
    isHolding = false;
    if (hold !== "least") removed.resolve(removedBytes);
  }

  /** Passes on what may leave now. */
  function release(stream: Transform): void {
    if (isHolding) return;
    for (const piece of kept) {
      hash.update(piece);
      sizeBytes += piece.length;
      stream.push(piece);
    }
    kept = [];
  }

  function look(chunk: Buffer): void {
    if (walk !== undefined) return walk.feed(chunk);
    begin = begin.length === 0 ? chunk : Buffer.concat([begin, chunk]);
    if (begin.length < SNIFF_BYTES) return;
    const format = sniffFormat(begin.subarray(0, SNIFF_BYTES));
    sniffed.resolve(format);
    if (hold === "least" && !format.beginsWithLength) letGo();
    walk = walker(format.strip(sink));
    walk.feed(begin);
  }

  const stream = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      try {
        look(chunk);
      } catch (error) {
        return done(error as Error); // LateMetadataError; anything else is a bug and passes as it is.
      }
      release(stream);
      done();
    },
    flush(done) {
      if (isHolding) letGo();
      release(stream);
      removed.resolve(removedBytes);
      facts = { sizeBytes, sha256: hash.digest("hex") };
      done();
    },
    destroy(error, done) {
      for (const { reject } of [removed, sniffed]) reject(error ?? new Error("The image was given up"));
      done(error);
    },
  });
  return {
    stream,
    format: sniffed.promise,
    removedBytes: removed.promise,
    facts() {
      if (facts === undefined) throw new Error("facts() before the image's end");
      return facts;
    },
  };
}

/** True if two pieces are one in memory: a store is not given a thousand small ones. */
function isNextTo(first: Buffer, second: Buffer): boolean {
  return first.buffer === second.buffer && first.byteOffset + first.length === second.byteOffset;
}
