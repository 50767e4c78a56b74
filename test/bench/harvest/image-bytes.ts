import { randomFillSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { crc32, deflateSync } from "node:zlib";
import { WORKFLOW } from "../bench-project.ts";

/** Pillow, and so ComfyUI, writes pixels in chunks of so many bytes. Source: PIL/ImageFile.py, MAXBLOCK. */
const IDAT_BYTES = 65_536;
/** RGB of 8 bits, no interlacing. Source: PNG (Third Edition) §11.2.1. */
const IHDR_TAIL = Uint8Array.of(8, 2, 0, 0, 0);
const SIGNATURE = Buffer.from("89504e470d0a1a0a", "hex");
/** Rows of noise, repeated: making 64 MB of it would take a while. */
const NOISE_ROWS = 64;

/** What is the same in all images of one size: the end of a PNG, from the first IDAT on. */
export interface Pixels {
  readonly header: Buffer;
  readonly tail: Buffer;
}

/** Noise, which does not compress: the file has about `bytes` bytes. */
export function noisePixels(bytes: number): Pixels {
  const side = Math.floor(Math.sqrt(bytes / 3));
  const stride = side * 3 + 1;
  const noise = randomFillSync(Buffer.alloc(stride * Math.min(side, NOISE_ROWS)));
  for (let at = 0; at < noise.length; at += stride) noise[at] = 0; // Filter: none.
  const rows = Buffer.alloc(stride * side);
  for (let at = 0; at < rows.length; at += noise.length) noise.copy(rows, at);
  const data = deflateSync(rows, { level: 0 });
  const chunks: Buffer[] = [];
  for (let at = 0; at < data.length; at += IDAT_BYTES) chunks.push(pngChunk("IDAT", data.subarray(at, at + IDAT_BYTES)));
  const header = Buffer.alloc(13);
  header.writeUInt32BE(side, 0);
  header.writeUInt32BE(side, 4);
  header.set(IHDR_TAIL, 8);
  return {
    header: Buffer.concat([SIGNATURE, pngChunk("IHDR", header)]),
    tail: Buffer.concat([...chunks, pngChunk("IEND", Buffer.alloc(0))]),
  };
}

const graph = readFileSync(WORKFLOW, "utf8").replaceAll(/\s+/g, " ");

/** A file in two pieces: a whole PNG whose embedded prompt saves under the prefix. */
export function imageBytes({ header, tail }: Pixels, filenamePrefix: string): readonly [Buffer, Buffer] {
  const prompt = graph.replace('"filename_prefix": "ComfyUI"', `"filename_prefix": ${JSON.stringify(filenamePrefix)}`);
  return [Buffer.concat([header, pngChunk("tEXt", Buffer.from(`prompt\0${prompt}`, "latin1"))]), tail];
}

function pngChunk(type: string, data: Buffer): Buffer {
  const chunk = Buffer.alloc(data.length + 12);
  chunk.writeUInt32BE(data.length, 0);
  chunk.write(type, 4, "latin1");
  data.copy(chunk, 8);
  chunk.writeUInt32BE(crc32(chunk.subarray(4, -4)), data.length + 8);
  return chunk;
}
