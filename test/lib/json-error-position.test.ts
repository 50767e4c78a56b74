import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseExact } from "../../src/lib/exact-json.ts";
import { jsonErrorPosition } from "../../src/lib/json-error-position.ts";

describe("jsonErrorPosition()", () => {
  test.each([
    ["", 1, 1, "value"],
    ["{", 1, 2, "key or }"],
    ['{"a":1,}', 1, 8, "key"],
    ['{"a" 1}', 1, 6, ":"],
    ['{"a":\n  tru}', 2, 3, "value"],
    ['{"a":[1,\n2 3]}', 2, 3, ", or ]"],
    ['{"a":1 "b":2}', 1, 8, ", or }"],
    ["[1,]", 1, 4, "value"],
    ["[NaN]", 1, 2, "value or ]"],
    ["{} {}", 1, 4, "end"],
    ['{"a":01}', 1, 6, "value"],
    ['{"a":"x\ny"}', 1, 6, "value"],
    ["{'a':1}", 1, 2, "key or }"],
    ['{"a":{"b":[1]', 1, 14, ", or }"],
  ])("%j breaks at %i:%i, expecting %s", (text, line, column, expected) => {
    expect(() => parseExact(text)).toThrow(SyntaxError);
    expect(jsonErrorPosition(text)).toMatchObject({ line, column, expected });
  });

  test("a cut JSON text breaks at its end, or at the token that was cut", () => {
    fc.assert(
      fc.property(fc.json(), fc.nat(), (text, cut) => {
        const part = text.slice(0, cut % Math.max(1, text.length));
        fc.pre(!isJson(part));
        const { offset, expected } = jsonErrorPosition(part);
        expect(expected).not.toBe("end");
        expect(part.slice(offset)).toMatch(/^$|^"|^-|^[tfn\d]/);
      }),
    );
  });

  test("a valid text is read to its end", () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(jsonErrorPosition(text)).toMatchObject({ offset: text.length, expected: "end" });
      }),
    );
  });

  test("an open quote before a long text is found at once", () => {
    const started = performance.now();
    expect(jsonErrorPosition(`{"a":"${"b".repeat(1_000_000)}`).offset).toBe(5);
    expect(performance.now() - started).toBeLessThan(2_000);
  });
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false; // Only asks whether it parses.
  }
}
