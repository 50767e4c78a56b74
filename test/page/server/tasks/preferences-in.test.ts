import { describe, expect, it } from "vitest";
import { preferencesIn, type ComparedVote } from "../../../../src/page/server/tasks/preferences-in.ts";

const said = (vote: ComparedVote): readonly string[] => preferencesIn(vote).map(({ pair, preferred }) => `${pair}: ${preferred}`);

describe("preferencesIn()", () => {
  it("reads the best of four as three preferences, and nothing of the other three", () => {
    expect(said({ kind: "choice", shown: ["c", "a", "d", "b"], ranking: [["c"]] })).toEqual(["a c: second", "b c: second", "c d: first"]);
  });

  it("reads every pair of a ranking, tied ones as neither", () => {
    expect(said({ kind: "choice", shown: ["a", "b", "c"], ranking: [["b"], ["a", "c"]] })).toEqual([
      "a b: second",
      "a c: neither",
      "b c: first",
    ]);
  });

  it("goes by image and not by place: two who both prefer the left one do not agree for that", () => {
    expect(said({ kind: "choice", shown: ["a", "b"], ranking: [["a"]] })).toEqual(["a b: first"]);
    expect(said({ kind: "choice", shown: ["b", "a"], ranking: [["b"]] })).toEqual(["a b: second"]);
  });

  it("takes ties and both bad for no preference, and a skip for nothing", () => {
    expect(said({ kind: "tie", shown: ["b", "a"], ranking: [["b", "a"]] })).toEqual(["a b: neither"]);
    expect(said({ kind: "both_bad", shown: ["b", "a"], ranking: [] })).toEqual(["a b: neither"]);
    expect(said({ kind: "skip", shown: ["b", "a"], ranking: [] })).toEqual([]);
  });
});
