import type { IncomingHttpHeaders } from "node:http";
import { pipeline, type Duplex, type Readable } from "node:stream";
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from "node:zlib";

/** What asks for a body as it is: without a word on it a server may pack its answer (RFC 9110 §12.5.3). */
export const AS_IT_IS = { "accept-encoding": "identity" } as const;

/** Source: IANA, HTTP Content Coding Registry. */
const DECODERS: ReadonlyMap<string, () => Duplex> = new Map<string, () => Duplex>([
  ["gzip", createGunzip],
  ["x-gzip", createGunzip],
  ["deflate", createInflate],
  ["br", createBrotliDecompress],
  ["zstd", createZstdDecompress],
]);

export interface PackedAnswer {
  readonly headers: IncomingHttpHeaders;
  readonly body: Readable;
}

/**
 * Head and body of an answer as they were before a proxy packed it: some pack whatever the request says. Without a length, which is that of
 * the packed body. An answer in a coding that is not known, or packed several times, is left as it came.
 */
export function unpackAnswer({ headers, body }: PackedAnswer): PackedAnswer {
  const { "content-encoding": coding, "content-length": _, ...rest } = headers;
  const decoder = typeof coding === "string" ? DECODERS.get(coding.trim().toLowerCase()) : undefined;
  if (decoder === undefined) return { headers, body };
  // What goes wrong with either stream reaches the reader of the last; pipeline closes both.
  return { headers: rest, body: pipeline(body, decoder(), () => undefined) };
}
