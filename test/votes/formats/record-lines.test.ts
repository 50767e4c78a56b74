import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { recordLines } from "../../../src/votes/formats/record-lines.ts";

/** The text cut anywhere, as a stream may cut it. */
async function* cut(text: string, size: number): AsyncGenerator<string> {
  await Promise.resolve();
  for (let at = 0; at < text.length; at += size) yield text.slice(at, at + size);
}

async function linesOf(text: string, { size = 5, maxCharacters = 1_000 } = {}) {
  const lines = recordLines(maxCharacters);
  const passed = await Array.fromAsync(lines.through(cut(text, size)));
  expect(passed.join("")).toBe(text);
  return lines;
}

describe("recordLines()", () => {
  it("names the line at which each record of any array begins", async () => {
    const record = fc.jsonValue({ maxDepth: 3 });
    const gap = fc.array(fc.constantFrom("\n", " ", "\r\n", "\t"), { maxLength: 3 }).map((blanks) => blanks.join(""));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(record, gap, fc.nat(2))), fc.integer({ min: 1, max: 9 }), async (records, size) => {
        let text = "\n[";
        const expected = records.map(([value, blank, indent], index) => {
          text += `${index > 0 ? "," : ""}${blank}`;
          const line = text.split("\n").length;
          text += JSON.stringify(value, null, indent) + blank;
          return line;
        });
        const lines = await linesOf(`${text}]\n`, { size, maxCharacters: 100_000 });
        expect(records.map(() => lines.take())).toEqual(expected);
      }),
    );
  });

  it("is not misled by brackets, commas and quotes in strings", async () => {
    const lines = await linesOf('[{"a":"],[\\"{,"},\n"]",\n1]');
    expect([lines.take(), lines.take(), lines.take()]).toEqual([1, 2, 3]);
  });

  it("ends at a record that is too long, by its line", async () => {
    await expect(linesOf(`[1,\n["${"x".repeat(2_000)}"]]`)).rejects.toThrow("the record at line 2 is longer than 1000 characters");
    await expect(linesOf(`[${Array.from({ length: 900 }, () => '"xx"').join(",")}]`)).resolves.toBeDefined();
  });
});
