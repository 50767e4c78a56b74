import { Transform } from "node:stream";
import type { ImageFormat } from "./format.ts";
import { imageCheck, type ImageFacts, type VerifyOptions } from "./image-check.ts";

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
