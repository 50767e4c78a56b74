import { describe, expect, it } from "vitest";
import { bradleyTerry, isConnected, computeWinShares } from "../../../../src/stages/annotate/link/bradley-terry.ts";

const rounded = (values: readonly number[]) => values.map((value) => Math.round(value * 1e6) / 1e6);

describe("bradleyTerry()", () => {
  it("solves two images in closed form: strengths are as wins, each with the prior's tenth", () => {
    expect(
      rounded(
        bradleyTerry([
          [0, 3],
          [1, 0],
        ]),
      ),
    ).toEqual(rounded([3.1 / 4.2, 1.1 / 4.2]));
  });

  it("is at the likelihood's maximum: expected wins equal wins", () => {
    const wins = [
      [0, 4, 2, 1],
      [1, 0, 3, 2],
      [1, 0, 0, 2.5],
      [0, 1, 0.5, 0],
    ];
    const strengths = bradleyTerry(wins);
    for (const [i, row] of wins.entries()) {
      let won = 0;
      let expected = 0;
      for (const j of row.keys()) {
        if (i === j) continue;
        won += row[j]! + 0.1;
        expected += ((row[j]! + wins[j]![i]! + 0.2) * strengths[i]!) / (strengths[i]! + strengths[j]!);
      }
      expect(expected).toBeCloseTo(won, 9);
    }
    expect(strengths.reduce((sum, strength) => sum + strength)).toBeCloseTo(1, 12);
  });

  it("balances a cycle", () => {
    expect(
      rounded(
        bradleyTerry([
          [0, 1, 0],
          [0, 0, 1],
          [1, 0, 0],
        ]),
      ),
    ).toEqual(rounded([1 / 3, 1 / 3, 1 / 3]));
  });

  it("counts a win over a strong image more", () => {
    // Both won once and lost once; the first beat the image that beat the third.
    const [first, , third] = bradleyTerry([
      [0, 1, 0, 0],
      [0, 0, 1, 1],
      [0, 0, 0, 1],
      [1, 0, 0, 0],
    ]);
    expect(first).toBeGreaterThan(third!);
  });

  it("stays finite where one image won everything", () => {
    const strengths = bradleyTerry([
      [0, 50, 50],
      [0, 0, 1],
      [0, 0, 0],
    ]);
    expect(strengths.every((strength) => strength > 0 && strength < 1)).toBe(true);
    expect(strengths).toEqual(strengths.toSorted((a, b) => b - a));
  });
});

describe("isConnected()", () => {
  it("follows wins both ways and through others", () => {
    expect(
      isConnected([
        [0, 1, 0],
        [0, 0, 0],
        [0, 1, 0],
      ]),
    ).toBe(true);
    expect(
      isConnected([
        [0, 1, 0, 0],
        [0, 0, 0, 0],
        [0, 0, 0, 1],
        [0, 0, 0, 0],
      ]),
    ).toBe(false);
    expect(isConnected([])).toBe(true);
  });
});

describe("computeWinShares()", () => {
  it("is wins over comparisons, ties half", () => {
    expect(
      computeWinShares([
        [0, 1.5, 1],
        [0.5, 0, 0],
        [0, 0, 0],
      ]),
    ).toEqual([2.5 / 3, 0.25, 0]);
  });
});
