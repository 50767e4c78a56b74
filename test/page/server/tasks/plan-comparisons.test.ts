import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  planComparisons,
  countRounds,
  type PlannedImage,
  planSwissRound,
  type Match,
} from "../../../../src/page/server/tasks/plan-comparisons.ts";

const scored = (...scores: readonly (number | null)[]): PlannedImage[] =>
  scores.map((score, index) => ({ imageId: `i_${String(index).padStart(2, "0")}`, score }));

const groups = fc
  .uniqueArray(fc.string({ minLength: 1, maxLength: 8 }), { minLength: 2, maxLength: 20 })
  .chain((ids) =>
    fc.tuple(...ids.map((imageId) => fc.record({ imageId: fc.constant(imageId), score: fc.option(fc.double({ noNaN: true })) }))),
  );
const rules = fc.record({
  task: fc.constantFrom("pair", "best", "best-worst", "rank"),
  order: fc.constantFrom("uncertain", "random"),
} as const);

/** Returns true if the comparisons connect all images. */
function isConnected(images: readonly string[], comparisons: readonly (readonly string[])[]): boolean {
  const reached = new Set(images.slice(0, 1));
  for (let size = 0; size !== reached.size;) {
    size = reached.size;
    for (const group of comparisons) if (group.some((each) => reached.has(each))) for (const each of group) reached.add(each);
  }
  return reached.size === images.length;
}

describe("planComparisons()", () => {
  it("connects all images, shows 2 to 4 at once, and no group twice", () => {
    fc.assert(
      fc.property(groups, rules, (images, each) => {
        const planned = planComparisons(images, each).map((comparison) => comparison.images);
        expect(
          isConnected(
            images.map(({ imageId }) => imageId),
            planned,
          ),
        ).toBe(true);
        expect(planned.every((group) => group.length >= 2 && group.length <= (each.task === "pair" ? 2 : 4))).toBe(true);
        expect(new Set(planned.map((group) => group.join("|"))).size).toBe(planned.length);
      }),
    );
  });

  it("plans the same, whatever the order of the images", () => {
    fc.assert(
      fc.property(groups, rules, (images, each) => {
        expect(planComparisons(images.toReversed(), each)).toEqual(planComparisons(images, each));
      }),
    );
  });

  it("shows each image in as many pairs as a Swiss tournament has rounds", () => {
    expect([2, 3, 4, 5, 8, 9].map(countRounds)).toEqual([1, 2, 2, 3, 3, 4]);
    const counts = (images: number): number[] => {
      const planned = planComparisons(scored(...Array.from({ length: images }, () => null)), { task: "pair", order: "random" });
      return [
        ...Map.groupBy(
          planned.flatMap((each) => each.images),
          (each) => each,
        ).values(),
      ].map((each) => each.length);
    };
    expect(counts(4)).toEqual([2, 2, 2, 2]);
    expect(counts(8)).toEqual([3, 3, 3, 3, 3, 3, 3, 3]);
  });

  it("puts close scores first", () => {
    const [clear] = planComparisons(scored(0.9, 0.1), { task: "pair", order: "uncertain" });
    const [close] = planComparisons(scored(0.52, 0.5), { task: "pair", order: "uncertain" });
    const [unknown] = planComparisons(scored(0.52, null), { task: "pair", order: "uncertain" });
    expect(close!.priority).toBeLessThan(clear!.priority);
    expect(unknown!.priority).toBeLessThan(close!.priority);
  });

  it("plans nothing for a single image", () => {
    expect(planComparisons(scored(1), { task: "best", order: "uncertain" })).toEqual([]);
  });
});

/** Plays a whole tournament in which the alphabetically first image always wins. */
function play(images: readonly string[]): readonly Match[] {
  const matches: Match[] = [];
  for (let round = 0; round < countRounds(images.length); round++) {
    for (const pair of planSwissRound(images, matches)) matches.push({ images: pair, winner: pair.toSorted()[0]! });
  }
  return matches;
}

describe("planSwissRound()", () => {
  it("lets winners meet winners", () => {
    const first: readonly Match[] = [
      { images: ["a", "b"], winner: "b" },
      { images: ["c", "d"], winner: "c" },
    ];
    expect(planSwissRound(["a", "b", "c", "d"], first)).toEqual([
      ["b", "c"],
      ["a", "d"],
    ]);
  });

  it("counts a tie as half a win", () => {
    const first: readonly Match[] = [
      { images: ["a", "b"], winner: null },
      { images: ["c", "d"], winner: "d" },
    ];
    expect(planSwissRound(["a", "b", "c", "d"], first)).toEqual([
      ["a", "d"],
      ["b", "c"],
    ]);
  });

  it("pairs nobody twice, and finds the best of a power of two without a loss", () => {
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
