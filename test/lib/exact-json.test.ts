import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalJson, parseExact, stringifyExact, type Json } from "../../src/lib/exact-json.ts";

const json = fc.letrec<{ value: Json; leaf: Json }>((tie) => ({
  leaf: fc.oneof(
    fc.constant(null),
    fc.boolean(),
    fc.string(),
    fc.integer(),
    fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n - 1n }),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
  ),
  value: fc.oneof({ maxDepth: 3 }, tie("leaf"), fc.array(tie("value")), fc.dictionary(fc.string(), tie("value"))),
})).value;

describe("parseExact()", () => {
  it("keeps every digit of 64-bit integers", () => {
    expect(parseExact('{"seed":18446744073709551615,"small":7,"half":1.5}')).toEqual({ seed: 18446744073709551615n, small: 7, half: 1.5 });
    expect(parseExact("-9223372036854775808")).toBe(-9223372036854775808n);
  });

  it("leaves large numbers with an exponent doubles", () => {
    expect(parseExact("1e300")).toBe(1e300);
  });

  it("gives back what stringifyExact() wrote", () => {
    fc.assert(
      fc.property(json, (value) => {
        expect(stringifyExact(parseExact(stringifyExact(value)))).toBe(stringifyExact(value));
      }),
    );
  });

  it("throws SyntaxError for half a document", () => {
    expect(() => parseExact('{"a":')).toThrow(SyntaxError);
  });
});

describe("canonicalJson()", () => {
  it("sorts keys at every depth and writes no white space", () => {
    expect(canonicalJson({ b: [{ d: 1, c: 18446744073709551615n }], a: null })).toBe('{"a":null,"b":[{"c":18446744073709551615,"d":1}]}');
  });

  it("is the same whatever the order of keys", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), json), (value) => {
        const reversed = Object.fromEntries(Object.entries(value).toReversed());
        expect(canonicalJson(reversed)).toBe(canonicalJson(value));
      }),
    );
  });
});
