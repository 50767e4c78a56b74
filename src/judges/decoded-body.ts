import { pipeline, type Duplex, type Readable } from "node:stream";
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from "node:zlib";

/** Source: IANA, HTTP Content Coding Registry. */
const DECODERS: Readonly<Record<string, () => Duplex>> = {
  gzip: createGunzip,
  "x-gzip": createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
  zstd: createZstdDecompress,
};

/** A body as it was before a proxy packed it: some pack whatever the request says. An unknown coding is left as it came. */
export function decodedBody(body: Readable, coding: string | string[] | undefined): Readable {
  const decoder = typeof coding === "string" ? DECODERS[coding.trim().toLowerCase()] : undefined;
  // What goes wrong with either stream reaches the reader of the last; pipeline closes both.
  return decoder === undefined ? body : pipeline(body, decoder(), () => undefined);
}
