import type { IncomingHttpHeaders } from "node:http";
import { type Duplex, pipeline, type Readable } from "node:stream";
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from "node:zlib";

/** Asks for an unpacked body. Without this header a server may pack its answer (RFC 9110 §12.5.3). */
export const AS_IT_IS = { "accept-encoding": "identity" } as const;

/** Source: IANA, HTTP Content Coding Registry. */
const DECODERS: ReadonlyMap<string, () => Duplex> = new Map<string, () => Duplex>([
  ["gzip", createGunzip],
  ["x-gzip", createGunzip],
  ["deflate", createInflate],
  ["br", createBrotliDecompress],
  ["zstd", createZstdDecompress],
]);

/** Proxies that pack what another has packed: two do, five are an attack. */
const CODINGS_MAX = 4;

interface PackedAnswer {
  readonly headers: IncomingHttpHeaders;
  readonly body: Readable;
}

/**
 * Returns head and body of an answer as they were before a proxy packed it: some pack whatever the request says. Drops the length, which is that of
 * the packed body. An answer packed several times is unpacked in the opposite order; one in a coding that is not known is left as it came.
 */
export function unpackAnswer({ headers, body }: PackedAnswer): PackedAnswer {
  const { "content-encoding": coding, "content-length": _, ...rest } = headers;
  const decoders = chooseDecoders(coding);
  if (decoders === null) return { headers, body };
  // Errors of any of the streams reach the reader of the last one, and pipeline closes them all.
  const unpacked = decoders.reduceRight<Readable>((packed, decoder) => pipeline(packed, decoder(), () => undefined), body);
  return { headers: rest, body: unpacked };
}

/** Returns decoders in the order in which the codings were applied (RFC 9110 §8.4); null if there are none, or not all are known. */
function chooseDecoders(coding: string | readonly string[] | undefined): readonly (() => Duplex)[] | null {
  const names = [coding ?? []]
    .flat()
    .flatMap((line) => line.split(","))
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== "" && name !== "identity");
  const decoders = names.flatMap((name) => DECODERS.get(name) ?? []);
  return names.length === 0 || names.length > CODINGS_MAX || decoders.length < names.length ? null : decoders;
}

/** A body slower than this is one that never ends. */
const SLOWEST_BYTES_PER_S = 64 * 1024;

interface TextLimits {
  readonly maxBytes: number;
  /** Time that the body may take, besides what its bytes need at 64 KiB a second, ms. Default: no limit. */
  readonly patienceMs?: number;
}

/**
 * Reads up to `maxBytes` (and a chunk) of a body as text. What is longer is cut, and so is what comes too slowly to ever end; their
 * connection is given up. A body that stops coming is for the timeouts of the connection.
 */
export async function readText(
  body: Readable,
  { maxBytes, patienceMs = Infinity }: TextLimits,
): Promise<{ readonly text: string; readonly isCut: boolean }> {
  const chunks: Buffer[] = [];
  const startMs = performance.now();
  let sizeBytes = 0;
  let isCut = false;
  // Bodies give Buffers unless an encoding is set.
  for await (const chunk of body as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    sizeBytes += chunk.length;
    isCut = sizeBytes > maxBytes || performance.now() - startMs > patienceMs + (sizeBytes / SLOWEST_BYTES_PER_S) * 1_000;
    if (isCut) break; // Leaving the loop destroys the body.
  }
  return { text: Buffer.concat(chunks).toString("utf8"), isCut };
}
