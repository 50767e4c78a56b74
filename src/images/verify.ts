import { Transform } from "node:stream";
import { type ImageFormat, SNIFF_BYTES, sniffFormat } from "./formats/format.ts";
import { createHash } from "node:crypto";
import { RejectError } from "../errors.ts";
import { tooLong, truncated, type Image } from "./formats/image.ts";
import { walker, type Walker } from "./formats/walk.ts";

/** Facts of an image of which every byte was seen. */
export interface ImageFacts extends Image {
  readonly format: ImageFormat;
  readonly sizeBytes: number;
  /** Hex. */
  readonly sha256: string;
}

export interface VerifyOptions {
  readonly maxBytes: number;
  /** Length that the server announced; null if it did not. */
  readonly announcedBytes: number | null;
  /** Format that its file name says; null if that does not matter. @default null */
  readonly namedFormat?: ImageFormat["name"] | null;
  /** Last word before the final bytes are let through: throws RejectError to refuse the image. */
  readonly accept: (facts: ImageFacts) => void;
}

/** Looks at an image piece by piece. Both methods throw RejectError for anything but one whole, sound image that `accept` takes. */
export interface ImageCheck {
  feed(chunk: Buffer): void;
  /** Null until the first bytes were seen. */
  format(): ImageFormat | null;
  /** Ends the check after the last piece, and returns the facts. */
  conclude(): ImageFacts;
  /** Says what was seen: the same bytes, in whatever pieces, that are refused for the same reason give the same. */
  fingerprint(): string;
}

/**
 * Length, format, structure, checksums and SHA-256, each piece as it comes: its bytes are in the processor's cache then, and the sums cost
 * less than over the whole image afterwards.
 */
export function imageCheck({ maxBytes, announcedBytes, namedFormat = null, accept }: VerifyOptions): ImageCheck {
  const hash = createHash("sha256");
  let head: Buffer = Buffer.alloc(0);
  let walk: { readonly format: ImageFormat; readonly walker: Walker<Image> } | undefined;
  let sizeBytes = 0;
  let digest: string | undefined;
  const sha256 = (): string => (digest ??= hash.digest("hex"));

  /** Collects what tells the format, then feeds its walk. */
  function look(chunk: Buffer): void {
    if (walk !== undefined) return walk.walker.feed(chunk);
    head = head.length === 0 ? chunk : Buffer.concat([head, chunk]);
    if (head.length < SNIFF_BYTES) return;
    const format = sniffFormat(head.subarray(0, SNIFF_BYTES), namedFormat);
    walk = { format, walker: walker(format.walk()) };
    walk.walker.feed(head);
  }

  return {
    feed(chunk) {
      sizeBytes += chunk.length;
      if (sizeBytes > maxBytes) throw new RejectError("too-large", `The image has more than ${maxBytes} bytes`);
      if (announcedBytes !== null && sizeBytes > announcedBytes) throw tooLong(announcedBytes);
      hash.update(chunk);
      look(chunk);
    },
    format: () => walk?.format ?? null,
    conclude() {
      const image = walk?.walker.result();
      if (walk === undefined || image === undefined || (announcedBytes !== null && sizeBytes < announcedBytes)) {
        throw truncated(sizeBytes);
      }
      const facts = { ...image, format: walk.format, sizeBytes, sha256: sha256() };
      accept(facts);
      return facts;
    },
    // An image that is refused by its head may come in pieces of any length: its announced length counts.
    fingerprint: () => (walk === undefined ? `${announcedBytes} ${head.toString("hex", 0, SNIFF_BYTES)}` : `${sizeBytes} ${sha256()}`),
  };
}

export interface Verifier {
  /** The same bytes, the last chunk of them only once the whole image was found good. */
  readonly stream: Transform;
  /** Known from the first bytes; rejects with the stream. */
  readonly format: Promise<ImageFormat>;
  /** Once the stream has ended. */
  facts(): ImageFacts;
  /** Once the stream has failed: what was seen, as ImageCheck tells it. */
  fingerprint(): string;
}

/**
 * Verifies an image as it passes: length, format, structure, checksums. A store that waits for the announced length cannot commit a bad
 * image, because its end never comes. The stream fails with RejectError.
 */
export function createVerifier(options: VerifyOptions): Verifier {
  const check = imageCheck(options);
  const format = Promise.withResolvers<ImageFormat>();
  format.promise.catch(() => undefined); // Whoever reads the stream learns of it, too.
  let held: Buffer | null = null;
  let facts: ImageFacts | undefined;

  const stream = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      try {
        check.feed(chunk);
      } catch (error) {
        return done(error as Error); // RejectError; anything else is a bug and passes as it is.
      }
      const known = check.format();
      if (known !== null) format.resolve(known);
      const ready = held;
      held = chunk;
      done(null, ready);
    },
    flush(done) {
      try {
        facts = check.conclude();
      } catch (error) {
        return done(error as Error); // As above.
      }
      done(null, held);
    },
    destroy(error, done) {
      format.reject(error ?? new Error("The image was given up"));
      done(error);
    },
  });
  return {
    stream,
    format: format.promise,
    fingerprint: () => check.fingerprint(),
    facts() {
      if (facts === undefined) throw new Error("facts() before the image's end");
      return facts;
    },
  };
}
