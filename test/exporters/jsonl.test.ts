import { gunzipSync } from "node:zlib";
import { describe, expect, test, it } from "vitest";
import type { RowLayout } from "../../src/exporters/row.ts";
import { jsonlExporter, gzipped } from "../../src/exporters/jsonl.ts";
import { asyncRows, bytesOf, exportRow } from "../contracts/exporter.ts";
import { setImmediate } from "node:timers/promises";

const layout: RowLayout = { fields: "full", seedFormat: "number", omitted: [] };
const rows = Array.from({ length: 300 }, (_, index) => exportRow(index, { prompt: `line\n${index} 猫` }));

describe("jsonlExporter", () => {
  test("writes one row a line, UTF-8 without a mark, LF at every end", async () => {
    const bytes = await bytesOf(jsonlExporter.encode(asyncRows(rows), { layout, gzip: false }));
    const lines = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes).split("\n");
    expect(lines.pop()).toBe("");
    expect(lines.map((line) => (JSON.parse(line) as { id: string }).id)).toEqual(rows.map(({ id }) => id));
    expect(bytes.includes("\r")).toBe(false);
  });

  test("gzip holds the same bytes, without a time, and cannot be cut unnoticed", async () => {
    const plain = await bytesOf(jsonlExporter.encode(asyncRows(rows), { layout, gzip: false }));
    const bytes = await bytesOf(jsonlExporter.encode(asyncRows(rows), { layout, gzip: true }));
    expect(bytes.readUInt32LE(4)).toBe(0); // RFC 1952, MTIME.
    expect(gunzipSync(bytes).equals(plain)).toBe(true);
    expect(() => gunzipSync(bytes.subarray(0, -1))).toThrow("unexpected end of file");
  });

  test("says in its extension whether it is compressed", () => {
    expect([false, true].map((gzip) => jsonlExporter.extension({ gzip }))).toEqual(["jsonl", "jsonl.gz"]);
  });
});

async function slowBytesOf(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
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

  it("makes one member of no bytes", async () => {
    expect(gunzipSync(await slowBytesOf(gzipped([])))).toEqual(Buffer.alloc(0));
  });
});
