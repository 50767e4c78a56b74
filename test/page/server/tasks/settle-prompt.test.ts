import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { settleComparison, planVotes } from "../../../../src/page/server/tasks/settle-prompt.ts";

type WantingRules = Parameters<typeof planVotes>[1];

const RULES: WantingRules = { overlap: 1, minVotes: 1, order: "uncertain" };
const wanted = (comparisons: readonly string[][], rules: Partial<WantingRules>) => [
  ...planVotes(
    comparisons.map((images) => JSON.stringify(images)),
    { ...RULES, ...rules },
  ).values(),
];

describe("planVotes()", () => {
  it("is the overlap if that is enough", () => {
    expect(wanted([["a", "b", "c"]], {})).toEqual([1]);
    expect(
      wanted(
        [
          ["a", "b"],
          ["c", "d"],
        ],
        { overlap: 3, minVotes: 2 },
      ),
    ).toEqual([3, 3]);
  });

  it("is what linking needs for a group, shared among its comparisons", () => {
    expect(wanted([["a", "b", "c", "d"]], { minVotes: 3 })).toEqual([3]);
    expect(
      wanted(
        [
          ["a", "b"],
          ["c", "d"],
          ["a", "c"],
          ["b", "d"],
        ],
        { minVotes: 5 },
      ),
    ).toEqual([2, 2, 2, 2]);
    expect(
      wanted(
        [
          ["a", "b"],
          ["c", "d"],
          ["a", "c"],
          ["b", "d"],
        ],
        { minVotes: 4, overlap: 1 },
      ),
    ).toEqual([1, 1, 1, 1]);
  });

  it("counts groups that share no image separately", () => {
    const byName = planVotes(['["a","b"]', '["b","c"]', '["x","y"]'], { ...RULES, minVotes: 2 });
    expect(Object.fromEntries(byName)).toEqual({ '["a","b"]': 1, '["b","c"]': 1, '["x","y"]': 2 });
  });

  it("counts the rounds of a tournament that are still to come", () => {
    expect(
      wanted(
        [
          ["a", "b"],
          ["c", "d"],
        ].slice(0, 1),
        { minVotes: 4, order: "swiss" },
      ),
    ).toEqual([4]);
    expect(
      wanted(
        [
          ["a", "b"],
          ["b", "c"],
          ["c", "d"],
        ],
        { minVotes: 8, order: "swiss" },
      ),
    ).toEqual([2, 2, 2]);
  });
});

describe("settleComparison()", () => {
  it("accepts one vote if one is wanted", () => {
    expect(settleComparison([], { overlap: 1, maxVotes: 5 })).toEqual({ state: "open", wanted: 1 });
    expect(settleComparison(["a"], { overlap: 1, maxVotes: 5 })).toEqual({ state: "done", wanted: 1 });
  });

  it("asks one more person at a time while votes are split, up to the limit", () => {
    const rules = { overlap: 2, maxVotes: 4 };
    expect(settleComparison(["a"], rules)).toEqual({ state: "open", wanted: 2 });
    expect(settleComparison(["a", "a"], rules)).toEqual({ state: "done", wanted: 2 });
    expect(settleComparison(["a", "b"], rules)).toEqual({ state: "open", wanted: 3 });
    expect(settleComparison(["a", "b", "b"], rules)).toEqual({ state: "done", wanted: 3 });
    expect(settleComparison(["a", "b", "tie"], rules)).toEqual({ state: "open", wanted: 4 });
    expect(settleComparison(["a", "b", "tie", "both_bad"], rules)).toEqual({ state: "disputed", wanted: 4 });
  });

  it("ends after at most max_votes, whatever the order of the votes", () => {
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
