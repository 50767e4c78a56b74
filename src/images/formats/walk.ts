import { RejectError } from "../../errors.ts";

/** The bytes that a walk takes next: at most so many, or everything through the next 0xFF byte. */
export type Wanted = number | "through-0xff";

/**
 * Reads a format's structure from a stream in any chunking: it yields what it wants and is given a piece, at least one byte of it.
 * It returns at the image's last byte, and throws RejectError where the structure is broken.
 */
export type Walk<Result> = Generator<Wanted, Result, Buffer>;

/** Exactly `count` bytes. */
export function* take(count: number): Walk<Buffer> {
  const pieces: Buffer[] = [];
  for (let left = count; left > 0;) {
    const piece: Buffer = yield left;
    left -= piece.length;
    if (left === 0 && pieces.length === 0) return piece;
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

/** Passes over exactly `count` bytes, shown piece by piece. */
export function* skip(count: number, onPiece: (piece: Buffer) => void = () => undefined): Walk<void> {
  for (let left = count; left > 0;) {
    const piece: Buffer = yield left;
    onPiece(piece);
    left -= piece.length;
  }
}

export interface Walker<Result> {
  /** Throws what the walk throws, and RejectError for bytes after its end. */
  feed(chunk: Buffer): void;
  /** Undefined while bytes are missing. */
  result(): Result | undefined;
}

/** Runs a walk over chunks as they come. */
export function walker<Result>(walk: Walk<Result>): Walker<Result> {
  let step = walk.next();
  return {
    feed(chunk) {
      for (let at = 0; at < chunk.length;) {
        if (step.done === true) throw new RejectError("corrupt", "The image is followed by other bytes");
        const piece = chunk.subarray(at, endOf(step.value, { chunk, at }));
        at += piece.length;
        step = walk.next(piece);
      }
    },
    result: () => (step.done === true ? step.value : undefined),
  };
}

function endOf(wanted: Wanted, { chunk, at }: { readonly chunk: Buffer; readonly at: number }): number {
  if (wanted !== "through-0xff") return Math.min(chunk.length, at + wanted);
  const found = chunk.indexOf(0xff, at);
  return found === -1 ? chunk.length : found + 1;
}

/** Takes what a format's stripping walk keeps of an image. Pieces come in the order of the file. */
export interface StripSink {
  /** Bytes that stay. They may be changed until `headEnds()`, or the end where that was never called. */
  keep(bytes: Buffer): void;
  /** Bytes that go. */
  drop(count: number): void;
  /** From here on no metadata is expected, so that the length of what stays is known. */
  headEnds(): void;
}
