import { Readable } from "node:stream";

/**
 * The same bytes, with the source's errors replaced. Destroying the answer destroys the source, read from or not, so that no socket
 * or file stays open; a source that closes before its end is an error, too.
 */
export function mapStreamErrors(source: Readable, mapError: (error: unknown) => unknown): Readable {
  const relay = new Readable({
    read: () => void source.resume(),
    destroy(error, done) {
      source.destroy();
      done(error);
    },
  });
  source.pause();
  source.on("data", (chunk: Buffer) => {
    if (!relay.push(chunk)) source.pause();
  });
  source.on("end", () => relay.push(null));
  source.on("error", (error) => relay.destroy(asError(mapError(error))));
  source.on("close", () => {
    if (!source.readableEnded) relay.destroy(asError(mapError(new Error("it ended too early"))));
  });
  return relay;
}

function asError(value: unknown): Error {
  return value instanceof Error ? value : new Error(String(value));
}
