import type { Readable } from "node:stream";
import { tooLong, truncated } from "../verify/picture.ts";

/**
 * Reads a body into a buffer of its announced length.
 * @throws {RejectError} "truncated" or "corrupt" where it has another length; the body's own error; the signal's reason.
 */
export function readHeld(body: Readable, held: Buffer, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let seenBytes = 0;
  const stop = (): void => void body.destroy(signal.reason as Error);
  body.on("data", (chunk: Buffer) => {
    if (seenBytes + chunk.length > held.length) {
      body.destroy(tooLong(held.length));
      return;
    }
    held.set(chunk, seenBytes);
    seenBytes += chunk.length;
  });
  body.once("end", () => (seenBytes === held.length ? resolve() : reject(truncated(seenBytes))));
  body.once("error", reject);
  body.once("close", () => {
    if (seenBytes < held.length) reject(truncated(seenBytes)); // It may close without a word.
  });
  if (signal.aborted) stop();
  else signal.addEventListener("abort", stop, { once: true });
  return promise.finally(() => signal.removeEventListener("abort", stop));
}
