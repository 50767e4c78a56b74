import { describe, expect, it } from "vitest";
import { filterImages } from "../../../../src/stages/annotate/link/filters.ts";
import type { Vote } from "../../../../src/stages/annotate/link/group-facts.ts";
import { rankByVotes } from "../../../../src/stages/annotate/link/people.ts";
import { bothBad, candidate, rules, skip, vote } from "./facts.ts";

const four = ["a", "b", "c", "d"].map((imageId) => candidate(imageId));
const verdictOf = (votes: readonly Vote[], candidates = four) => {
  const { images, twins } = filterImages(candidates, rules().filters);
  return rankByVotes(votes, images, twins);
};
const order = (votes: readonly Vote[]) =>
  [...verdictOf(votes).scores]
    .toSorted(([, a], [, b]) => b - a || 0)
    .map(([imageId]) => imageId)
    .join("");

describe("rankByVotes()", () => {
  it("gives the share of comparisons won for a single vote", () => {
    expect([...verdictOf([vote("b", "abcd")]).scores]).toEqual([
      ["a", 0],
      ["b", 1],
      ["c", 0],
      ["d", 0],
    ]);
    expect([...verdictOf([vote("b>a=c>d")]).scores]).toEqual([
      ["a", 0.5],
      ["b", 1],
      ["c", 0.5],
      ["d", 0],
    ]);
  });

  it("uses Bradley–Terry from two connected votes on", () => {
    const { scores, connected } = verdictOf([vote("a", "abcd"), vote("b", "abcd")]);
    expect(connected).toBe(true);
    expect(scores.get("a")).toBeCloseTo(scores.get("b")!, 12);
    expect([...scores.values()].reduce((sum, score) => sum + score)).toBeCloseTo(1, 12);
    expect(order([vote("a>b"), vote("b>c"), vote("c>d")])).toBe("abcd");
  });

  it("does not order images that no comparison connects", () => {
    const { scores, connected, support } = verdictOf([vote("a>b"), vote("c>d")]);
    expect(connected).toBe(false);
    expect([...scores.values()]).toEqual([1, 0, 1, 0]);
    expect(support("a", ["d"]).votes).toBe(0);
  });

  it("finds no order in a cycle, a tie or a draw", () => {
    for (const votes of [[vote("a>b"), vote("b>c"), vote("c>a")], [vote("a=b")], [vote("a>b"), vote("b>a")]]) {
      const values = [...verdictOf(votes).scores.values()].map((score) => Math.round(score * 1e6));
      expect(new Set(values).size).toBe(1);
    }
  });

  it("leaves out skips, and counts votes without a preference", () => {
    expect(verdictOf([skip("abcd"), skip("ab")]).nVotes).toBe(0);
    expect(verdictOf([bothBad("ab")])).toMatchObject({ nVotes: 1, scores: new Map() });
    expect(verdictOf([vote("a=b")]).nVotes).toBe(1);
  });

  it("ignores votes on images that are filtered out", () => {
    const withoutB = [candidate("a"), candidate("b", { flagged: true }), candidate("c")];
    expect(verdictOf([vote("b", "abc")], withoutB).nVotes).toBe(0);
    expect([...verdictOf([vote("b>a>c")], withoutB).scores]).toEqual([
      ["a", 1],
      ["c", 0],
    ]);
  });

  it("counts a vote for a duplicate for the image that is kept", () => {
    const twins = [candidate("a"), candidate("b", { sha256: "file a" }), candidate("c")];
    expect([...verdictOf([vote("b", "abc")], twins).scores]).toEqual([
      ["a", 1],
      ["c", 0],
    ]);
    // One image on two places of one vote: the better place counts.
    expect([...verdictOf([vote("b>c>a")], twins).scores]).toEqual([
      ["a", 1],
      ["c", 0],
    ]);
  });

  it("counts the votes that support a row: chosen above every rejected image that was shown", () => {
    const { support } = verdictOf([
      vote("a", "abcd"),
      vote("a>b>c>d"),
      vote("b", "abcd"),
      vote("d>a"),
      bothBad("ab"),
      vote("b>c"),
      skip("abcd"),
    ]);
    expect(support("a", ["b", "c", "d"])).toEqual({ votes: 5, agreeing: 2, bothBad: 1 });
    expect(support("c", ["d"])).toEqual({ votes: 3, agreeing: 1, bothBad: 0 });
  });
});
