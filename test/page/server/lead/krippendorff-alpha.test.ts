import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { krippendorffAlpha } from "../../../../src/page/server/lead/krippendorff-alpha.ts";

/** Rows are observers, columns units; "." where nothing was said. */
function alphaOf(rows: readonly string[]): number | null {
  const table = rows.map((row) => row.split(" "));
  const counting = krippendorffAlpha();
  for (const unit of table[0]!.keys()) counting.addUnit(table.map((row) => row[unit]!).filter((value) => value !== "."));
  return counting.alpha();
}

describe("krippendorffAlpha()", () => {
  it("gives the published value for two observers and two values", () => {
    // Krippendorff (2011), section A: α = 0.095.
    expect(alphaOf(["0 1 0 0 0 0 0 0 1 0", "1 1 1 0 0 1 0 0 0 0"])).toBeCloseTo(0.095, 3);
  });

  it("gives the published value for four observers, five values and gaps", () => {
    // Krippendorff (2011), section C: nominal α = 0.743.
    const rows = ["1 2 3 3 2 1 4 1 2 . . .", "1 2 3 3 2 2 4 1 2 5 . 3", ". 3 3 3 2 3 4 2 2 5 1 .", "1 2 3 3 2 4 4 1 2 5 1 ."];
    expect(alphaOf(rows)).toBeCloseTo(0.743, 3);
  });

  it("is 1 where all agree, whatever they say, and unknown where nothing could differ", () => {
    expect(alphaOf(["a b a", "a b a"])).toBe(1);
    expect(alphaOf(["a a a", "a a a"])).toBeNull();
    expect(alphaOf(["a b . .", ". . a b"])).toBeNull();
  });

  it("does not depend on the order of observers, of units, or on what values are called", () => {
    const units = fc.array(fc.array(fc.constantFrom("a", "b", "c"), { maxLength: 5 }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(units, (all) => {
        const of = (each: readonly (readonly string[])[]): number => {
          const counting = krippendorffAlpha();
          for (const unit of each) counting.addUnit(unit);
          return counting.alpha() ?? -9;
        };
        const turned = all.toReversed().map((unit) => unit.toReversed().map((value) => `other ${value}`));
        expect(of(turned)).toBeCloseTo(of(all), 10);
        expect(of(all)).toBeLessThanOrEqual(1);
      }),
    );
  });
});
