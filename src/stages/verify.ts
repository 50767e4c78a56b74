import { createHash } from "node:crypto";
import { Transform } from "node:stream";
import { RejectError } from "../errors.ts";
import { SNIFF_BYTES, sniffFormat, type ImageFormat } from "./verify/format.ts";
import { tooLong, truncated, type Picture } from "./verify/picture.ts";
import { walker, type Walker } from "./verify/walk.ts";

/** What is known of a picture of which every byte was seen. */
export interface ImageFacts extends Picture {
  readonly format: ImageFormat;
  readonly sizeBytes: number;
  /** Hex. */
  readonly sha256: string;
}

export interface VerifyOptions {
  readonly maxBytes: number;
  /** As the server announced; null where it did not. */
  readonly announcedBytes: number | null;
  /** Last word before the final bytes are let through: throws RejectError to refuse the picture. */
  readonly accept: (facts: ImageFacts) => void;
}

export interface Verifier {
  /** The same bytes, the last chunk of them only once the whole picture was found good. */
  readonly stream: Transform;
  /** Known from the first bytes; rejects with the stream. */
  readonly format: Promise<ImageFormat>;
  /** Once the stream has ended. */
  facts(): ImageFacts;
}

/**
 * Verifies a picture as it passes: length, format, structure, checksums. A store that waits for the announced length cannot commit a bad
 * picture, because its end never comes. The stream fails with RejectError.
 */
export function createVerifier({ maxBytes, announcedBytes, accept }: VerifyOptions): Verifier {
  const hash = createHash("sha256");
  const format = Promise.withResolvers<ImageFormat>();
  format.promise.catch(() => undefined); // Whoever reads the stream learns of it, too.
  let head: Buffer = Buffer.alloc(0);
  let walk: { readonly format: ImageFormat; readonly walker: Walker<Picture> } | undefined;
  let sizeBytes = 0;
  let held: Buffer | null = null;
  let facts: ImageFacts | undefined;

  /** Collects what tells the format, then feeds its walk. */
  function look(chunk: Buffer): void {
    if (walk !== undefined) return walk.walker.feed(chunk);
    head = head.length === 0 ? chunk : Buffer.concat([head, chunk]);
    if (head.length < SNIFF_BYTES) return;
    const found = sniffFormat(head.subarray(0, SNIFF_BYTES));
    walk = { format: found, walker: walker(found.walk()) };
    walk.walker.feed(head);
    format.resolve(found);
  }

  function conclude(): ImageFacts {
    const picture = walk?.walker.result();
    if (walk === undefined || picture === undefined || (announcedBytes !== null && sizeBytes < announcedBytes)) {
      throw truncated(sizeBytes);
    }
    return { ...picture, format: walk.format, sizeBytes, sha256: hash.digest("hex") };
  }

  const stream = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      try {
        sizeBytes += chunk.length;
        if (sizeBytes > maxBytes) throw new RejectError("too-large", `The picture has more than ${maxBytes} bytes`);
        if (announcedBytes !== null && sizeBytes > announcedBytes) throw tooLong(announcedBytes);
        hash.update(chunk);
        look(chunk);
      } catch (error) {
        return done(error as Error); // RejectError; anything else is a bug and passes as it is.
      }
      const ready = held;
      held = chunk;
      done(null, ready);
    },
    flush(done) {
      try {
        facts = conclude();
        accept(facts);
      } catch (error) {
        return done(error as Error); // As above.
      }
      done(null, held);
    },
    destroy(error, done) {
      format.reject(error ?? new Error("The picture was given up"));
      done(error);
    },
  });
  return {
    stream,
    format: format.promise,
    facts() {
      if (facts === undefined) throw new Error("facts() before the picture's end");
      return facts;
    },
  };
}
