import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { foldCase } from "../../../../src/stages/export/split/fold-case.ts";

describe("foldCase()", () => {
  // Python's str.casefold().
  test.each([
    ["Straße", "strasse"],
    ["STRAẞE", "strasse"],
    ["ΣΊΣΥΦΟΣ", "σίσυφοσ"],
    ["σίσυφος", "σίσυφοσ"],
    ["ﬁne", "fine"],
    ["İ", "i̇"],
    ["ı", "ı"],
    ["Ꭰꭰ", "ᎠᎠ"],
    ["ᏸ", "Ᏸ"],
    ["ŉ", "ʼn"],
    ["µ", "μ"],
    ["ſ", "s"],
    ["K", "k"], // Kelvin.
    ["一只猫", "一只猫"],
  ])("folds %s to %s", (text, folded) => {
    expect(foldCase(text)).toBe(folded);
  });

  test("of two texts is that of both together, and folding twice changes nothing", () => {
    const letters = fc.string({ unit: fc.constantFrom(..."a B ß ẞ Σ σ ς İ ı Þ þ Ꭰ ꭰ ᏸ ﬁ ŉ K 猫".split(" "), " ") });
    fc.assert(
      fc.property(letters, letters, (first, second) => {
        expect(foldCase(first + second)).toBe(foldCase(first) + foldCase(second));
        expect(foldCase(foldCase(first))).toBe(foldCase(first));
      }),
    );
  });
});
