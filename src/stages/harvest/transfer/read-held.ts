import type { Readable } from "node:stream";
import { tooLong, truncated } from "../../../images/formats/image.ts";

export interface HeldReading {
  readonly signal: AbortSignal;
  /** Gets each piece once it is in the buffer; what it throws ends the reading. */
  readonly onPiece: (piece: Buffer) => void;
}

/**
 * Reads a body into a buffer of its announced length.
 * @throws {RejectError} "truncated" or "corrupt" where it has another length; the body's own error; onPiece's; the signal's reason.
 */
export function readHeld(body: Readable, held: Buffer, { signal, onPiece }: HeldReading): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let seenBytes = 0;
  const stop = (): void => void body.destroy(signal.reason as Error);
  body.on("data", (chunk: Buffer) => {
    try {
      const nextBytes = seenBytes + chunk.length;
      if (nextBytes > held.length) throw tooLong(held.length);
      held.set(chunk, seenBytes);
      onPiece(held.subarray(seenBytes, nextBytes));
      seenBytes = nextBytes;
    } catch (error) {
      body.destroy(error as Error); // RejectError; anything else is a bug and passes as it is.
    }
  });
  body.once("end", () => (seenBytes === held.length ? resolve() : reject(truncated(seenBytes))));
  body.once("error", reject);
  // After an end it changes nothing; without one, and without an error, nobody else would say that no more comes.
  body.once("close", () => reject(truncated(seenBytes)));
  if (signal.aborted) stop();
  else signal.addEventListener("abort", stop, { once: true });
  return promise.finally(() => signal.removeEventListener("abort", stop));
}
