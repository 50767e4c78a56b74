import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { settleComparison } from "../../../../src/page/server/tasks/settle-comparison.ts";

describe("settleComparison()", () => {
  it("takes one vote where one is asked for", () => {
    expect(settleComparison([], { overlap: 1, maxVotes: 5 })).toEqual({ state: "open", wanted: 1 });
    expect(settleComparison(["a"], { overlap: 1, maxVotes: 5 })).toEqual({ state: "done", wanted: 1 });
  });

  it("asks one more person at a time while people are split, up to the limit", () => {
    const rules = { overlap: 2, maxVotes: 4 };
    expect(settleComparison(["a"], rules)).toEqual({ state: "open", wanted: 2 });
    expect(settleComparison(["a", "a"], rules)).toEqual({ state: "done", wanted: 2 });
    expect(settleComparison(["a", "b"], rules)).toEqual({ state: "open", wanted: 3 });
    expect(settleComparison(["a", "b", "b"], rules)).toEqual({ state: "done", wanted: 3 });
    expect(settleComparison(["a", "b", "tie"], rules)).toEqual({ state: "open", wanted: 4 });
    expect(settleComparison(["a", "b", "tie", "both_bad"], rules)).toEqual({ state: "disputed", wanted: 4 });
  });

  it("ends after at most max_votes, in whatever order people answer", () => {
    const bounds = fc
      .integer({ min: 1, max: 6 })
      .chain((overlap) => fc.record({ overlap: fc.constant(overlap), maxVotes: fc.integer({ min: overlap, max: 9 }) }));
    fc.assert(
      fc.property(bounds, fc.array(fc.constantFrom("a", "b", "tie"), { minLength: 9, maxLength: 9 }), (rules, answers) => {
        let votes = 0;
        while (settleComparison(answers.slice(0, votes), rules).state === "open")
          votes = settleComparison(answers.slice(0, votes), rules).wanted;
        expect(votes).toBeGreaterThanOrEqual(rules.overlap);
        expect(votes).toBeLessThanOrEqual(rules.maxVotes);
        const same = settleComparison(answers.slice(0, votes).toReversed(), rules);
        expect(same).toEqual(settleComparison(answers.slice(0, votes), rules));
      }),
    );
  });
});
