import { setImmediate } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { gzipped, jsonlExtension, jsonlFile } from "../../src/exporters/jsonl.ts";

/** Takes chunks as slowly as a writer does. */
async function slowBytesOf(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) {
    await setImmediate();
    all.push(chunk);
  }
  return Buffer.concat(all);
}

describe("jsonlFile()", () => {
  const lines = Array.from({ length: 300 }, (_, index) => Buffer.from(`{"line":${index}}\n`));

  it("holds the lines as they come", async () => {
    expect((await slowBytesOf(jsonlFile(lines, { gzip: false }))).equals(Buffer.concat(lines))).toBe(true);
  });

  it("compresses the same bytes, without a time, and cannot be cut unnoticed", async () => {
    const bytes = await slowBytesOf(jsonlFile(lines, { gzip: true }));
    expect(bytes.readUInt32LE(4)).toBe(0); // RFC 1952, MTIME.
    expect(gunzipSync(bytes).equals(Buffer.concat(lines))).toBe(true);
    expect(() => gunzipSync(bytes.subarray(0, -1))).toThrow("unexpected end of file");
  });

  it("gives the same bytes, however lines are cut into chunks", async () => {
    const joined = await slowBytesOf(jsonlFile([Buffer.concat(lines)], { gzip: true }));
    expect((await slowBytesOf(jsonlFile(lines, { gzip: true }))).equals(joined)).toBe(true);
  });

  it("says in its extension whether it is compressed", () => {
    expect([false, true].map((gzip) => jsonlExtension({ gzip }))).toEqual(["jsonl", "jsonl.gz"]);
  });
});

describe("gzipped()", () => {
  it("is done with a chunk when it asks for the next, so that its memory can be used again", async () => {
    const memory = Buffer.alloc(300_000);
    const expected: Buffer[] = [];
    function* chunks(): Generator<Buffer> {
      for (let index = 0; index < 60; index++) {
        // Of all sizes: a stream asks for more after small ones.
        const chunk = memory.subarray(0, 1 + ((index * 7_919) % memory.length));
        for (let at = 0; at < chunk.length; at++) chunk[at] = (at * index) % 251;
        expected.push(Buffer.from(chunk));
        yield chunk;
      }
    }
    const bytes = gunzipSync(await slowBytesOf(gzipped(chunks())));
    expect(bytes.equals(Buffer.concat(expected))).toBe(true);
  });

  it("ends with the error of its source", async () => {
    function* chunks(): Generator<Buffer> {
      yield Buffer.alloc(1_000_000);
      throw new RangeError("no more");
    }
    await expect(slowBytesOf(gzipped(chunks()))).rejects.toThrow(new RangeError("no more"));
  });

  it("lets go of its source when nobody reads on", async () => {
    let isClosed = false;
    function* chunks(): Generator<Buffer> {
      try {
        for (let index = 0; ; index++) yield Buffer.from(Array.from({ length: 100_000 }, (_, at) => (at * at * (index + 1)) % 256));
      } finally {
        isClosed = true;
      }
    }
    for await (const chunk of gzipped(chunks())) {
      expect(chunk.length).toBeGreaterThan(0);
      break;
    }
    await expect.poll(() => isClosed).toBe(true);
  });

  it("reads its source no faster than its bytes are taken", async () => {
    let read = 0;
    function* chunks(): Generator<Buffer> {
      // Bytes that do not compress.
      for (;;) yield Buffer.from(Array.from({ length: 100_000 }, (_, at) => (at * at * ++read) % 251));
    }
    const bytes = gzipped(chunks());
    await bytes.next();
    for (let turn = 0; turn < 1_000; turn++) await setImmediate();
    expect(read / 100_000).toBeLessThan(50);
    await bytes.return(undefined);
  });

  it("makes one member of no bytes", async () => {
    expect(gunzipSync(await slowBytesOf(gzipped([])))).toEqual(Buffer.alloc(0));
  });
});
