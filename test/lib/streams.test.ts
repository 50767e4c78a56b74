import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { byteLines } from "../../src/lib/streams.ts";

async function* chunksOf(...chunks: readonly (string | Uint8Array)[]): AsyncGenerator<Buffer> {
  for (const chunk of chunks) yield Buffer.from(chunk as string);
}

async function linesOf(chunks: AsyncIterable<Buffer>, maxBytes = 1_000): Promise<[number, string][]> {
  const lines: [number, string][] = [];
  for await (const { number, bytes } of byteLines(chunks, { maxBytes })) lines.push([number, bytes.toString()]);
  return lines;
}

describe("byteLines()", () => {
  it("cuts at LF and CRLF, counts empty lines and gives none of them", async () => {
    expect(await linesOf(chunksOf("a\r\n\nb", "c\n\r\n", "d"))).toEqual([
      [1, "a"],
      [3, "bc"],
      [5, "d"],
    ]);
    expect(await linesOf(chunksOf())).toEqual([]);
    expect(await linesOf(chunksOf("\n"))).toEqual([]);
  });

  it("does not depend on where the chunks are cut", async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: fc.constantFrom("a", "é", "\n", "\r\n") }), fc.nat({ max: 20 }), async (text, at) => {
        const bytes = Buffer.from(text);
        const expected = text.split(/\r?\n/).flatMap((line, index): [number, string][] => (line === "" ? [] : [[index + 1, line]]));
        expect(await linesOf(chunksOf(bytes.subarray(0, at), bytes.subarray(at)))).toEqual(expected);
      }),
    );
  });

  it("ends at a line that is too long, in one chunk or many", async () => {
    await expect(linesOf(chunksOf("ok\n", "123456"), 5)).rejects.toThrow("line 2 is longer than 5 bytes");
    await expect(linesOf(chunksOf("123", "456\n"), 5)).rejects.toThrow("line 1");
    expect(await linesOf(chunksOf("12345\n12345"), 5)).toHaveLength(2);
  });
});
