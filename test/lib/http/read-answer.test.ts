import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import { expect, it } from "vitest";
import { unpackAnswer } from "../../../src/lib/http/read-answer.ts";

const TEXT = Buffer.from('{"queue_running": []}');

/** What the reader gets of a body packed so. */
async function read(coding: string | undefined, packed: Buffer): Promise<string> {
  const headers = { "content-length": String(packed.length), ...(coding === undefined ? {} : { "content-encoding": coding }) };
  return (await buffer(unpackAnswer({ headers, body: Readable.from([packed]) }).body)).toString();
}

it.each<[coding: string, packed: Buffer]>([
  ["gzip", gzipSync(TEXT)],
  ["X-GZIP", gzipSync(TEXT)],
  ["deflate", deflateSync(TEXT)],
  ["br", brotliCompressSync(TEXT)],
  ["zstd", zstdCompressSync(TEXT)],
  ["gzip, gzip", gzipSync(gzipSync(TEXT))],
  ["gzip,br", brotliCompressSync(gzipSync(TEXT))],
  ["identity, gzip", gzipSync(TEXT)],
])("unpackAnswer() reads what is packed as %s", async (coding, packed) => expect(await read(coding, packed)).toBe(TEXT.toString()));

it.each([undefined, "", "identity", "pack200", "gzip, pack200", "gzip, gzip, gzip, gzip, gzip"])(
  "unpackAnswer() leaves what comes as %s",
  async (coding) => expect(await read(coding, TEXT)).toBe(TEXT.toString()),
);

it("unpackAnswer() passes on that a packed answer is damaged within", async () => {
  await expect(read("gzip, br", brotliCompressSync(TEXT))).rejects.toThrow("incorrect header check");
});
