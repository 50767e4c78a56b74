import { type Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { TransientError } from "../../errors.ts";
import { createHash } from "node:crypto";
import { md5Of } from "./etag.ts";

/** Sends one stream; rejects with classed errors. The ETag as the store wrote it, quotes included. */
export type SendStream = (stream: Readable, signal: AbortSignal) => Promise<{ readonly ETag?: string | undefined } | "exists">;

/**
 * Sends a body of exactly `sizeBytes`. The SDK pipes a body without watching it: an error in it would be uncaught and leave the
 * request hanging, a request that fails would leave the body open. Here each ends the other, and the body's own error is the one thrown.
 * @throws {TransientError} if the store got other bytes than were sent.
 */
export async function putStream(body: Readable, sizeBytes: number, send: SendStream): Promise<"created" | "exists"> {
  const { stream, md5 } = exactLength(sizeBytes);
  const unwanted = new AbortController();
  let bodyError: { readonly error: unknown } | undefined;
  let isOver = false;
  const fed = pipeline(body, stream).catch((error: unknown) => {
    if (isOver) return; // Only the end of what nobody wanted any more.
    bodyError = { error };
    unwanted.abort();
  });
  try {
    const answer = await send(stream, unwanted.signal);
    if (answer === "exists") return answer;
    const stored = md5Of(answer.ETag);
    if (!stream.readableEnded || (stored !== undefined && stored !== md5())) {
      throw new TransientError("Cannot trust the stored object: its MD5 is not that of the bytes sent");
    }
    return "created";
  } catch (error) {
    throw bodyError === undefined ? error : bodyError.error;
  } finally {
    isOver = true;
    // An answer may come before the body was read: the request would wait for the rest for ever and keep its socket.
    if (!stream.readableEnded) unwanted.abort();
    stream.destroy();
    await fed;
  }
}

interface ExactLength {
  readonly stream: Transform;
  /** MD5 (hex) of the whole body, once it has ended. */
  readonly md5: () => string;
}

/**
 * Lets a body through only if it has exactly `sizeBytes`. The last chunk waits for the end, because a store commits an object as
 * soon as the announced length has come, and waits for ever for a body that is shorter.
 */
function exactLength(sizeBytes: number): ExactLength {
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

/** Makes the error of a body with another length than announced. */
export function wrongLength(seenBytes: number, sizeBytes: number): TransientError {
  return new TransientError(
    `Cannot send the body: it has ${seenBytes > sizeBytes ? "more" : "less"} than the announced ${sizeBytes} bytes`,
  );
}
