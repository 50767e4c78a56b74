import { createHash } from "node:crypto";
import { Transform } from "node:stream";
import { TransientError } from "../errors.ts";

export interface ExactLength {
  readonly stream: Transform;
  /** MD5 (hex) of the whole body, once it has ended. */
  readonly md5: () => string;
}

/**
 * Lets a body through only if it has exactly `sizeBytes`. The last chunk waits for the end, because a store commits an object as
 * soon as the announced length has come, and waits for ever for a body that is shorter.
 */
export function exactLength(sizeBytes: number): ExactLength {
  const hash = createHash("md5");
  let seenBytes = 0;
  let held: Buffer | null = null;
  let digest = "";
  const stream = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      seenBytes += chunk.length;
      if (seenBytes > sizeBytes) return done(wrongLength(seenBytes, sizeBytes));
      hash.update(chunk);
      const ready = held;
      held = chunk;
      done(null, ready);
    },
    flush(done) {
      if (seenBytes !== sizeBytes) return done(wrongLength(seenBytes, sizeBytes));
      digest = hash.digest("hex");
      done(null, held);
    },
  });
  return { stream, md5: () => digest };
}

/** For a body of another length than was announced. */
export function wrongLength(seenBytes: number, sizeBytes: number): TransientError {
  return new TransientError(
    `Cannot send the body: it has ${seenBytes > sizeBytes ? "more" : "less"} than the announced ${sizeBytes} bytes`,
  );
}
