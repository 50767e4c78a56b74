import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { floatText, roundFloat } from "../../src/exporters/float-text.ts";

describe("floatText()", () => {
  test.each([
    [1, "1.0"],
    [0, "0.0"],
    [-0, "0.0"],
    [-3, "-3.0"],
    [0.81, "0.81"],
    [1e-7, "1.0e-7"],
    [1.5e-7, "1.5e-7"],
    [0.000001, "0.000001"],
    [1e21, "1.0e+21"],
    [100_000_000, "100000000.0"],
  ])("writes %d as %s", (value, text) => {
    expect(floatText(value)).toBe(text);
  });

  test("is JSON that reads back exactly, always with a point", () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const text = floatText(value);
        expect(text).toContain(".");
        expect(JSON.parse(text)).toBe(value + 0);
      }),
    );
  });
});

describe("roundFloat()", () => {
  test.each([
    [0.1234564, 0.123456],
    [0.1234566, 0.123457],
    [0.8 - 0.2, 0.6],
    [1e-7, 0],
    [-1e-7, 0],
    [-0, 0],
    [Number.NaN, null],
    [Infinity, null],
    [-Infinity, null],
    [null, null],
    [1.7e308, 1.7e308],
  ])("makes %d %d", (value, rounded) => {
    expect(roundFloat(value)).toBe(rounded); // toBe tells −0 from 0.
  });

  test("is what toFixed() says, however near to a half", () => {
    const exact = (value: number): number => Number(value.toFixed(6)) + 0;
    const nearHalf = fc
      .tuple(fc.integer({ min: -(2 ** 42), max: 2 ** 42 }), fc.double({ min: 0.4989, max: 0.5011, noNaN: true }))
      .map(([whole, part]) => (whole + part) / 1e6);
    fc.assert(
      fc.property(
        fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.double({ min: -2, max: 2, noNaN: true }), nearHalf),
        (value) => {
          expect(roundFloat(value)).toBe(exact(value));
        },
      ),
      { numRuns: 20_000 },
    );
  });

  test("rounds once: what is rounded stays as it is", () => {
    fc.assert(
      fc.property(fc.double(), (value) => {
        const once = roundFloat(value);
        expect(roundFloat(once)).toBe(once);
        expect(Object.is(once, -0)).toBe(false);
      }),
    );
  });
});
