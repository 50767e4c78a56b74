import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { roundsOf } from "../../../../src/page/server/tasks/plan-comparisons.ts";
import { swissRound, type Match } from "../../../../src/page/server/tasks/swiss-round.ts";

/** A whole tournament in which the image that is named first in the alphabet always wins. */
function play(images: readonly string[]): readonly Match[] {
  const matches: Match[] = [];
  for (let round = 0; round < roundsOf(images.length); round++) {
    for (const pair of swissRound(images, matches)) matches.push({ images: pair, winner: pair.toSorted()[0]! });
  }
  return matches;
}

describe("swissRound()", () => {
  it("lets winners meet winners", () => {
    const first: readonly Match[] = [
      { images: ["a", "b"], winner: "b" },
      { images: ["c", "d"], winner: "c" },
    ];
    expect(swissRound(["a", "b", "c", "d"], first)).toEqual([
      ["b", "c"],
      ["a", "d"],
    ]);
  });

  it("counts a tie as half a win", () => {
    const first: readonly Match[] = [
      { images: ["a", "b"], winner: null },
      { images: ["c", "d"], winner: "d" },
    ];
    expect(swissRound(["a", "b", "c", "d"], first)).toEqual([
      ["a", "d"],
      ["b", "c"],
    ]);
  });

  it("lets nobody meet twice, and finds the best of a power of two without a loss", () => {
    const names = fc.uniqueArray(fc.stringMatching(/^[a-z]{1,4}$/), { minLength: 2, maxLength: 17 });
    fc.assert(
      fc.property(names, (images) => {
        const matches = play(images);
        const keys = matches.map((match) => match.images.toSorted().join());
        expect(new Set(keys).size).toBe(keys.length);
        const best = images.toSorted()[0]!;
        expect(matches.filter((match) => match.images.includes(best)).every(({ winner }) => winner === best)).toBe(true);
      }),
    );
    const eight = play(["a", "b", "c", "d", "e", "f", "g", "h"]);
    const unbeaten = ["a", "b", "c", "d", "e", "f", "g", "h"].filter((name) =>
      eight.every(({ images, winner }) => !images.includes(name) || winner === name),
    );
    expect(unbeaten).toEqual(["a"]);
  });
});
