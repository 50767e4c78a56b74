import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { roundFloat } from "../../src/exporters/row-columns.ts";
import { roundDecimals } from "../../src/lib/round-decimals.ts";
import { computeMargin } from "../../src/stages/export/rows/row.ts";
import { linkGroup } from "../../src/stages/annotate/link/pairs.ts";
import { facts, rules, scored } from "../stages/annotate/link/facts.ts";

/** Scores with seven decimals, many of which end in a half of the sixth. */
const sevenDecimals = fc.integer({ min: 0, max: 500_000_000 }).map((units) => units / 1e7);
const anyScore = fc.oneof(sevenDecimals, fc.double({ min: -100, max: 100, noNaN: true }));

describe("roundDecimals()", () => {
  it("is a fixed point of itself, and the same for what is linked and what is exported", () => {
    fc.assert(
      fc.property(anyScore, (score) => {
        expect(roundDecimals(roundDecimals(score))).toBe(roundDecimals(score));
        expect(roundFloat(score)).toBe(roundDecimals(score));
      }),
    );
  });

  it("lets score, scores and margin of a row agree", () => {
    fc.assert(
      fc.property(anyScore, anyScore, (first, second) => {
        for (const { chosen, rejected, margin } of linkGroup(facts(scored(first, second)), rules()).links) {
          const raw = { a: first, b: second };
          for (const { imageId, score } of [chosen, ...rejected]) {
            // `score` is what linking kept, rounded again; `scores` is what the judge said, rounded once.
            expect(roundFloat(score)).toBe(roundFloat(raw[imageId as "a" | "b"])); // scored() names them so.
          }
          const rejectedScore = rejected[0]?.score ?? null;
          expect(computeMargin(chosen.score, { rejectedScore, kept: margin })).toBe(margin);
          expect(roundFloat(chosen.score - (rejectedScore ?? 0))).toBe(margin);
        }
      }),
    );
  });

  // toFixed() rounds the exact value of a double, slowly.
  const exactly = (value: number): number => Number(value.toFixed(6)) + 0;

  it.each([
    0,
    -0,
    -1e-9,
    1,
    -1,
    0.1,
    20.204619,
    1.0000005,
    0.0000005,
    0.0000015,
    1.4999995,
    1_099_511.627776,
    1_099_511.6277765,
    2 ** 40,
    1e21,
  ])("rounds %s as its exact value asks", (value) => {
    for (const near of [value, -value, value + 1e-9, value - 1e-9, value + 4.99e-7, value - 4.99e-7])
      expect(roundDecimals(near)).toBe(exactly(near));
  });

  it("rounds any score as its exact value asks, and halves of the sixth decimal too", () => {
    const nearHalves = fc.tuple(fc.integer({ min: -1e12, max: 1e12 }), fc.integer({ min: -3, max: 3 }));
    const score = fc.oneof(
      anyScore,
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      // Where multiplying first would round twice.
      fc.integer({ min: 1, max: 2 ** 40 }).chain((whole) => fc.integer({ min: 0, max: 1_000 }).map((part) => whole * 10 + part / 1_000)),
      nearHalves.map(([units, off]) => (units + 0.5) / 1e6 + off * 1e-10),
    );
    fc.assert(
      fc.property(score, (value) => {
        expect(roundDecimals(value)).toBe(exactly(value));
      }),
      { numRuns: 1_000 },
    );
  });

  it("leaves alone what is not finite", () => {
    expect([Number.NaN, Infinity, -Infinity].map(roundDecimals)).toEqual([Number.NaN, Infinity, -Infinity]);
  });
});
