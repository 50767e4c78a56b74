import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { openAccuracy } from "../../../../src/stages/annotate/calibrate/judge-accuracy.ts";
import { filterImages } from "../../../../src/stages/annotate/link/filters.ts";
import { bothBad, candidate, rules, skip, vote } from "../link/facts.ts";
import { findPeoplePairs } from "../../../../src/stages/annotate/calibrate/calibrate.ts";

const { images } = filterImages(
  ["a", "b", "c", "d"].map((name) => candidate(name)),
  rules().filters,
);
const pairsOf = (...votes: Parameters<typeof findPeoplePairs>[0]["votes"]) => {
  const { decided, ties } = findPeoplePairs({ images, votes, twins: new Map() });
  return [decided.map((pair) => pair.join(">")).join(" "), ties];
};

describe("findPeoplePairs()", () => {
  it("takes the majority of the votes on each pair, and counts pairs without one", () => {
    expect(pairsOf(vote("a", "abcd"))).toEqual(["a>b a>c a>d", 0]);
    expect(pairsOf(vote("b>a"), vote("b>a"), vote("a>b"))).toEqual(["b>a", 0]);
    expect(pairsOf(vote("b>a"), vote("a>b"), vote("c=d"))).toEqual(["", 2]);
    expect(pairsOf(bothBad("ab"), skip("cd"))).toEqual(["", 1]);
    expect(pairsOf()).toEqual(["", 0]);
  });
});

/** Prompts of one pair each, [margin, whether the judge is right]. */
function accuracyOf(trials: readonly (readonly [margin: number, agrees: boolean])[], precision = 0.9) {
  const accuracy = openAccuracy();
  for (const [margin, agrees] of trials) {
    const scores = new Map([
      ["a", agrees ? margin : 0],
      ["b", agrees ? 0 : margin],
    ]);
    accuracy.add({ decided: [["a", "b"]], ties: 0 }, scores);
  }
  return accuracy.result(precision);
}

describe("openAccuracy()", () => {
  it("counts agreement in bins of about equal size, with equal margins in one bin", () => {
    const trials = Array.from({ length: 40 }, (_, index) => [1 + Math.floor(index / 8), index % 8 < 3 + Math.floor(index / 8)] as const);
    const { all, bins } = accuracyOf(trials);
    expect(all).toMatchObject({ minMargin: 1, maxMargin: 5, pairs: 40, prompts: 40 });
    expect(bins.map(({ minMargin, maxMargin, pairs, share }) => [minMargin, maxMargin, pairs, share])).toEqual([
      [1, 2, 16, 7 / 16],
      [3, 3, 8, 5 / 8],
      [4, 4, 8, 6 / 8],
      [5, 5, 8, 7 / 8],
    ]);
    expect(accuracyOf(trials.slice(0, 9)).bins).toHaveLength(1);
  });

  it("finds the lowest margin from which on it agrees often enough", () => {
    const low = Array.from({ length: 50 }, (_, index) => [0.1 + index / 1_000, index % 2 === 0] as const);
    const high = Array.from({ length: 100 }, (_, index) => [0.5 + index / 1_000, index % 50 !== 0] as const);
    // 98 of the 100 high ones; with the 4 next ones 100 of 104, whose interval begins at 0.905; with one more it begins at 0.893.
    expect(accuracyOf([...low, ...high]).threshold).toMatchObject({ isSure: true, minMargin: 0.146, prompts: 104 });
    expect(accuracyOf(low).threshold).toBeNull();
  });

  it("is not sure from five agreeing votes, nor from five prompts with many pairs", () => {
    expect(accuracyOf(Array.from({ length: 5 }, () => [1, true] as const)).threshold).toMatchObject({
      share: 1,
      prompts: 5,
      isSure: false,
    });
    const accuracy = openAccuracy();
    const scores = new Map(Array.from({ length: 10 }, (_, index) => [`${index}`, 10 - index]));
    const decided = Array.from({ length: 9 }, (_, index) => ["0", `${index + 1}`] as const);
    for (let prompt = 0; prompt < 5; prompt++) accuracy.add({ decided, ties: 0 }, scores);
    expect(accuracy.result(0.9).threshold).toMatchObject({ pairs: 45, prompts: 5, share: 1, isSure: false });
    expect(accuracy.result(0.9).all!.low).toBeCloseTo(0.5655, 4);
  });

  it("leaves out ties and images without a score, and counts them", () => {
    const accuracy = openAccuracy();
    const decided = [["a", "b"] as const, ["a", "c"] as const, ["a", "d"] as const];
    accuracy.add(
      { decided, ties: 2 },
      new Map([
        ["a", 0.3],
        ["b", 0.3 + 1e-9],
        ["c", null],
      ]),
    );
    expect(accuracy.result(0.9)).toEqual({ all: null, bins: [], threshold: null, tiesOfPeople: 2, tiesOfJudge: 1, unscored: 2 });
  });

  it("every pair is in one bin, bins do not overlap, and a sure threshold keeps what it says", () => {
    const trial = fc.tuple(fc.integer({ min: 1, max: 30 }), fc.boolean());
    fc.assert(
      fc.property(fc.array(trial, { maxLength: 120 }), fc.constantFrom(0.6, 0.9), (trials, precision) => {
        const { all, bins, threshold } = accuracyOf(trials, precision);
        expect(bins.reduce((sum, { pairs }) => sum + pairs, 0)).toBe(all?.pairs ?? 0);
        expect(bins.every(({ minMargin }, index) => index === 0 || minMargin > bins[index - 1]!.maxMargin)).toBe(true);
        const kept = trials.filter(([margin]) => margin >= (threshold?.minMargin ?? Infinity));
        expect(threshold?.pairs ?? 0).toBe(kept.length);
        expect((threshold?.share ?? 1) >= precision).toBe(true);
        expect(threshold?.isSure !== true || threshold.low >= precision).toBe(true);
      }),
    );
  });
});
