import { setImmediate } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { gzipped } from "../../src/exporters/gzipped.ts";

async function bytesOf(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) {
    await setImmediate(); // As one that writes.
    all.push(chunk);
  }
  return Buffer.concat(all);
}

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
    const bytes = gunzipSync(await bytesOf(gzipped(chunks())));
    expect(bytes.equals(Buffer.concat(expected))).toBe(true);
  });

  it("ends with the error of its source", async () => {
    function* chunks(): Generator<Buffer> {
      yield Buffer.alloc(1_000_000);
      throw new RangeError("no more");
    }
    await expect(bytesOf(gzipped(chunks()))).rejects.toThrow(new RangeError("no more"));
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

  it("makes one member of no bytes", async () => {
    expect(gunzipSync(await bytesOf(gzipped([])))).toEqual(Buffer.alloc(0));
  });
});
