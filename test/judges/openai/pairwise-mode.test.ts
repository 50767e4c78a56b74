import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Choice } from "../../../src/judges/openai/parse-answer.ts";
import { listComparisons, computeWinShares } from "../../../src/judges/openai/pairwise-mode.ts";

const said = (...choices: readonly (readonly [a: string, b: string, choice: Choice | null])[]) =>
  choices.map(([a, b, choice]) => ({ a, b, choice }));

describe("computeWinShares()", () => {
  it("counts a win if both orders agree, and a tie if the position decided", () => {
    expect([...computeWinShares(["x", "y"], said(["x", "y", "A"], ["y", "x", "B"]))]).toEqual([
      ["x", 1],
      ["y", 0],
    ]);
    expect([...computeWinShares(["x", "y"], said(["x", "y", "A"], ["y", "x", "A"]))]).toEqual([
      ["x", 0.5],
      ["y", 0.5],
    ]);
    expect([...computeWinShares(["x", "y"], said(["x", "y", "tie"], ["y", "x", "A"]))]).toEqual([
      ["x", 0.5],
      ["y", 0.5],
    ]);
  });

  it("does not count a pair with an unreadable answer, and is null if nothing counts", () => {
    const shares = computeWinShares(["x", "y", "z"], said(["x", "y", "A"], ["y", "x", null], ["x", "z", "B"], ["z", "x", "A"]));
    expect([...shares]).toEqual([
      ["x", 0],
      ["y", null],
      ["z", 1],
    ]);
  });

  it("does not depend on order, favours no image, and follows a consistent judge", () => {
    const ids = fc.uniqueArray(fc.stringMatching(/^[a-z]{1,3}$/), { maxLength: 6 });
    const choice = fc.constantFrom<Choice | null>("A", "B", "tie", null);
    fc.assert(
      fc.property(ids, fc.array(choice, { minLength: 30, maxLength: 30 }), (names, choices) => {
        const compared = listComparisons(names).map((comparison, index) => ({ ...comparison, choice: choices[index] ?? null }));
        const shares = computeWinShares(names, compared);
        expect([...shares.keys()]).toEqual(names);
        for (const share of shares.values()) expect(share === null || (share >= 0 && share <= 1)).toBe(true);
        expect(computeWinShares(names, compared.toReversed())).toEqual(shares);
      }),
    );
    fc.assert(
      fc.property(ids, (names) => {
        const shares = computeWinShares(
          names,
          listComparisons(names).map(({ a, b }) => ({ a, b, choice: a > b ? ("A" as const) : ("B" as const) })),
        );
        const ranked = names.toSorted((first, second) => (shares.get(second) ?? 0) - (shares.get(first) ?? 0));
        expect(ranked).toEqual(names.toSorted().toReversed());
      }),
    );
  });
});

describe("listComparisons()", () => {
  it("lists every pair once in each order", () => {
    expect(listComparisons(["x", "y", "z"]).map(({ a, b }) => a + b)).toEqual(["xy", "yx", "xz", "zx", "yz", "zy"]);
    expect(listComparisons(["x"])).toEqual([]);
  });
});
