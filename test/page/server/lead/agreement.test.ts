import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createAlphaCounter, listPreferences, type ComparedVote } from "../../../../src/page/server/lead/agreement.ts";

/** Rows are observers, columns units. "." is a missing value. */
function alphaOf(rows: readonly string[]): number | null {
  const table = rows.map((row) => row.split(" "));
  const counting = createAlphaCounter();
  for (const unit of table[0]!.keys()) counting.addUnit(table.map((row) => row[unit]!).filter((value) => value !== "."));
  return counting.alpha();
}

describe("createAlphaCounter()", () => {
  it("gives the published value for two observers and two values", () => {
    // Krippendorff (2011), section A: α = 0.095.
    expect(alphaOf(["0 1 0 0 0 0 0 0 1 0", "1 1 1 0 0 1 0 0 0 0"])).toBeCloseTo(0.095, 3);
  });

  it("gives the published value for four observers, five values and gaps", () => {
    // Krippendorff (2011), section C: nominal α = 0.743.
    const rows = ["1 2 3 3 2 1 4 1 2 . . .", "1 2 3 3 2 2 4 1 2 5 . 3", ". 3 3 3 2 3 4 2 2 5 1 .", "1 2 3 3 2 4 4 1 2 5 1 ."];
    expect(alphaOf(rows)).toBeCloseTo(0.743, 3);
  });

  it("is 1 if all agree, and null if nothing could differ", () => {
    expect(alphaOf(["a b a", "a b a"])).toBe(1);
    expect(alphaOf(["a a a", "a a a"])).toBeNull();
    expect(alphaOf(["a b . .", ". . a b"])).toBeNull();
  });

  it("does not depend on the order of observers or units, or on the names of values", () => {
    const units = fc.array(fc.array(fc.constantFrom("a", "b", "c"), { maxLength: 5 }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(units, (all) => {
        const of = (each: readonly (readonly string[])[]): number => {
          const counting = createAlphaCounter();
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

const said = (vote: ComparedVote): readonly string[] => listPreferences(vote).map(({ pair, preferred }) => `${pair}: ${preferred}`);

describe("listPreferences()", () => {
  it("reads the best of four as three preferences, and nothing about the other three", () => {
    expect(said({ kind: "choice", shown: ["c", "a", "d", "b"], ranking: [["c"]] })).toEqual(["a c: second", "b c: second", "c d: first"]);
  });

  it("reads every pair of a ranking, ties as neither", () => {
    expect(said({ kind: "choice", shown: ["a", "b", "c"], ranking: [["b"], ["a", "c"]] })).toEqual([
      "a b: second",
      "a c: neither",
      "b c: first",
    ]);
  });

  it("compares by image and not by position: two people who both choose the left one need not agree", () => {
    expect(said({ kind: "choice", shown: ["a", "b"], ranking: [["a"]] })).toEqual(["a b: first"]);
    expect(said({ kind: "choice", shown: ["b", "a"], ranking: [["b"]] })).toEqual(["a b: second"]);
  });

  it("reads ties and both bad as no preference, and a skip as nothing", () => {
    expect(said({ kind: "tie", shown: ["b", "a"], ranking: [["b", "a"]] })).toEqual(["a b: neither"]);
    expect(said({ kind: "both_bad", shown: ["b", "a"], ranking: [] })).toEqual(["a b: neither"]);
    expect(said({ kind: "skip", shown: ["b", "a"], ranking: [] })).toEqual([]);
  });
});
