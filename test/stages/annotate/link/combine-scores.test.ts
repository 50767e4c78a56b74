import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { combineScores } from "../../../../src/stages/annotate/link/combine-scores.ts";
import type { Combination } from "../../../../src/stages/annotate/link/group-facts.ts";
import { filterImages } from "../../../../src/stages/annotate/link/filters.ts";
import { candidate, rules } from "./facts.ts";

type Scores = Readonly<Record<string, number | null>>;
const usable = (...scores: readonly Scores[]) =>
  filterImages(
    scores.map((each, index) => candidate(String.fromCharCode(97 + index), { scores: each })),
    rules().filters,
  ).images;
const by = (method: Combination["method"], weights: Readonly<Record<string, number>>): Combination => ({
  method,
  judges: Object.entries(weights).map(([judge, weight]) => ({ judge, weight })),
});
const combine = (scores: readonly Scores[], combination: Combination) => Object.fromEntries(combineScores(usable(...scores), combination));

describe("combineScores()", () => {
  it("rank-mean: the mean share of the others that the judges put below", () => {
    const scores = [
      { j: 0.9, k: -5 },
      { j: 0.1, k: -5 },
      { j: 0.2, k: 100 },
    ];
    expect(combine(scores, by("rank-mean", { j: 1, k: 1 }))).toEqual({ a: 0.625, b: 0.125, c: 0.75 });
  });

  it("weights: the weighted mean of z-scores, whatever a judge's scale", () => {
    const scores = [
      { j: 1, k: 3_000 },
      { j: 2, k: 2_000 },
      { j: 3, k: 1_000 },
    ];
    const z = Math.sqrt(1.5); // One step of three even ones, in standard deviations.
    const combined = combine(scores, by("weights", { j: 3, k: 1 }));
    expect(combined["a"]).toBeCloseTo(-z / 2, 12);
    expect(combined["b"]).toBeCloseTo(0, 12);
    expect(combined["c"]).toBeCloseTo(z / 2, 12);
  });

  it("a judge that sees no difference has no effect, also if its scores are not round numbers", () => {
    const scores = [
      { j: 0.1, k: 1 },
      { j: 0.1 + 1e-9, k: 2 },
      { j: 0.1, k: 3 },
    ];
    for (const method of ["weights", "rank-mean"] as const) {
      const both = combine(scores, by(method, { j: 100, k: 1 }));
      expect(both["a"]!).toBeLessThan(both["b"]!);
      expect(both["b"]!).toBeLessThan(both["c"]!);
      const alone = combine(scores, by(method, { j: 1 }));
      expect(new Set(Object.values(alone)).size).toBe(1);
    }
  });

  it("an image that one judge could not score is not ranked, nor counted among the others", () => {
    const scores = [{ j: 1, k: null }, { j: 2, k: 1 }, { j: 3, k: 2 }, { j: 9 }];
    expect(combine(scores, by("rank-mean", { j: 1, k: 1 }))).toEqual({ b: 0, c: 1 });
    expect(combine([{ j: 1 }, { j: 2 }], by("rank-mean", { j: 1, k: 1 }))).toEqual({});
    expect(combine(scores, by("rank-mean", {}))).toEqual({});
  });

  it("with one judge it is that judge's order, and for any scores it is a number", () => {
    const score = fc.double({ noNaN: true, noDefaultInfinity: true });
    fc.assert(
      fc.property(
        fc.array(score, { minLength: 2, maxLength: 6 }),
        fc.constantFrom("rank-mean" as const, "weights" as const),
        (list, method) => {
          const images = usable(...list.map((j) => ({ j })));
          const combined = combineScores(images, by(method, { j: 2 }));
          for (const one of images) {
            for (const other of images) {
              const [a, b] = [combined.get(one.imageId)!, combined.get(other.imageId)!];
              expect(Number.isFinite(a)).toBe(true);
              expect(one.scores.get("j")! < other.scores.get("j")! || a >= b).toBe(true);
            }
          }
        },
      ),
    );
  });
});
