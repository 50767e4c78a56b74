import * as fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { parseExact, type Json } from "../../src/lib/exact-json.ts";
import { parsePython, pythonConstantsFilter, pythonNumber, stringifyPython, tryParsePython } from "../../src/lib/python-json.ts";

/** Words and literals that the reader or the writer might take for something else. */
const tricky = fc.constantFrom("NaN", "-Infinity", "-0.0e-997", "-0.0e-998 ", '"NaN', "\\", '\\"', "1e999", "");
const python = fc.letrec<{ value: Json; leaf: Json }>((tie) => ({
  leaf: fc.oneof(
    fc.constantFrom(null, true, false, Number.NaN, Infinity, -Infinity),
    fc.oneof(tricky, fc.string()),
    fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n - 1n }),
    fc.double(),
  ),
  value: fc.oneof({ maxDepth: 3 }, tie("leaf"), fc.array(tie("value")), fc.dictionary(fc.oneof(tricky, fc.string()), tie("value"))),
})).value;

describe("parsePython()", () => {
  it("reads Python's constants as the numbers that they are, and every digit of integers", () => {
    expect(parsePython('{"is_changed": [NaN], "max": Infinity, "min": -Infinity, "seed": 18446744073709551615}')).toEqual({
      is_changed: [Number.NaN],
      max: Infinity,
      min: -Infinity,
      seed: 18446744073709551615n,
    });
  });

  it("leaves words inside strings as they are", () => {
    expect(parsePython('["NaN", "a \\"NaN, Infinity", NaN]')).toEqual(["NaN", 'a "NaN, Infinity', Number.NaN]);
  });

  test.each(["NaN5", "1NaN", "1Infinity", "Infinity5", "-NaN", "+Infinity", "nan", "NaNNaN", "[NaN", "{NaN: 1}", "--Infinity", "Infinit"])(
    "refuses %s, as Python does",
    (text) => {
      expect(() => parsePython(text)).toThrow(SyntaxError);
      expect(tryParsePython(text)).toBeUndefined();
    },
  );

  it("reads what stringifyPython() wrote, indented or not", () => {
    fc.assert(
      fc.property(python, fc.constantFrom(undefined, 2), (value, indent) => {
        const text = stringifyPython(value, indent);
        expect(stringifyPython(parsePython(text), indent)).toBe(text);
      }),
    );
  });

  it("is JSON's reader for all that is JSON", () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(parsePython(text)).toEqual(parseExact(text));
      }),
    );
  });

  test.each([
    ["lists", "[".repeat(50_000) + "]".repeat(50_000)],
    ["objects", '{"a":'.repeat(50_000) + "1" + "}".repeat(50_000)],
    ["lists around NaN", `${"[".repeat(50_000)}NaN${"]".repeat(50_000)}`],
    ["lists that never end", "[".repeat(50_000)],
  ])("refuses %s that are nested too deeply, without overflowing the stack", (_what, text) => {
    expect(() => parsePython(text)).toThrow(/nested more than 1000 levels deep|JSON/);
    expect(tryParsePython(text)).toBeUndefined();
  });

  it("reads many brackets that are not deep, in strings and beside each other", () => {
    expect(parsePython(`["${"[".repeat(5_000)}", ${"[],".repeat(5_000)} NaN]`)).toHaveLength(5_002);
  });
});

describe("stringifyPython()", () => {
  it("spells numbers that JSON lacks as Python's json module does", () => {
    expect(stringifyPython({ a: [Number.NaN, Infinity, -Infinity], b: "-0.0e-997", c: 7n })).toBe(
      '{"a":[NaN,Infinity,-Infinity],"b":"-0.0e-997","c":7}',
    );
  });
});

describe("pythonConstantsFilter()", () => {
  it("gives the same whatever the pieces", () => {
    fc.assert(
      fc.property(python, fc.array(fc.nat({ max: 12 }), { minLength: 1 }), (value, cuts) => {
        const text = stringifyPython(value, 1);
        const filter = pythonConstantsFilter();
        let clean = "";
        for (let at = 0, cut = 0; at < text.length; cut++) {
          const length = 1 + cuts[cut % cuts.length]!;
          clean += filter.push(text.slice(at, at + length));
          at += length;
        }
        clean += filter.end();
        // Every literal is JSON to any parser.
        expect(() => JSON.parse(clean) as unknown).not.toThrow();
        const whole = pythonConstantsFilter();
        expect(clean).toBe(whole.push(text) + whole.end());
      }),
    );
  });

  it("writes literals that stand for the constants, and for nothing else", () => {
    const filter = pythonConstantsFilter();
    const literals = (filter.push("NaN,Infinity,-Infinity") + filter.end()).split(",").map((literal) => literal.trim());
    expect(literals.map(pythonNumber)).toEqual([Number.NaN, Infinity, -Infinity]);
    expect(pythonNumber("-0.0")).toBe(-0);
  });
});
