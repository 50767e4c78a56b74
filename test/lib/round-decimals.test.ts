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

  it("leaves alone what is not finite", () => {
    expect([Number.NaN, Infinity, -Infinity].map(roundDecimals)).toEqual([Number.NaN, Infinity, -Infinity]);
  });
});
