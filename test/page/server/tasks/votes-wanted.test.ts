import { describe, expect, it } from "vitest";
import { votesWanted, type WantingRules } from "../../../../src/page/server/tasks/votes-wanted.ts";

const RULES: WantingRules = { overlap: 1, minVotes: 1, order: "uncertain" };
const wanted = (comparisons: readonly string[][], rules: Partial<WantingRules>) => [
  ...votesWanted(
    comparisons.map((images) => JSON.stringify(images)),
    { ...RULES, ...rules },
  ).values(),
];

describe("votesWanted()", () => {
  it("is the overlap where that is enough", () => {
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

  it("is what linking wants of a group, shared among its comparisons", () => {
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

  it("counts groups that share no image by themselves", () => {
    const byName = votesWanted(['["a","b"]', '["b","c"]', '["x","y"]'], { ...RULES, minVotes: 2 });
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
