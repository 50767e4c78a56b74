import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { linkGroup } from "../../../../src/stages/annotate/link/pairs.ts";
import type { CandidateImage, Vote } from "../../../../src/stages/annotate/link/group-facts.ts";
import { rankGroup } from "../../../../src/stages/annotate/link/rank-group.ts";
import { bothBad, candidate, facts, rules, scored, skip, vote } from "./facts.ts";

/** `a1 b2 c2` for a ranking, "" where the order is not known. */
function placesOf(images: readonly CandidateImage[], votes: readonly Vote[] = []): readonly string[] {
  return rankGroup(facts(images, votes), rules()).map(({ ranked }) =>
    ranked.map(({ image, place }) => `${image.imageId}${place}`).join(" "),
  );
}

/** `ab tie 2` for each tie. */
function tiesOf(images: readonly CandidateImage[], votes: readonly Vote[] = [], policy = {}): readonly string[] {
  return rankGroup(facts(images, votes), rules(policy)).flatMap(({ ties }) =>
    ties.map(({ images: [first, second], kind, nVotes }) => `${first.imageId}${second.imageId} ${kind} ${nVotes}`),
  );
}

describe("rankings", () => {
  test.each<[name: string, images: readonly CandidateImage[], votes: readonly Vote[], places: readonly string[]]>([
    ["a judge's scores", scored(0.1, 0.9, 0.5), [], ["b1 c2 a3"]],
    ["equal scores", scored(0.5, 0.9, 0.5, 0.1), [], ["b1 a2 c2 d4"]],
    ["images without a score", scored(0.5, null, 0.9), [], ["c1 a2"]],
    ["people before judges", scored(0.9, 0.1), [vote("b>a")], ["b1 a2"]],
    ["a vote for the best of four", scored(1, 2, 3, 4), [vote("b", "abcd")], ["b1 a2 c2 d2"]],
    ["votes that do not connect", scored(1, 2, 3, 4), [vote("a>b"), vote("c>d")], [""]],
    ["nothing but both bad", scored(1, 2), [bothBad("ab")], [""]],
    ["skips, which say nothing", scored(2, 1), [skip("ab")], ["a1 b2"]],
    ["one image", scored(1), [], []],
  ])("of %s", (_name, images, votes, places) => {
    expect(placesOf(images, votes)).toEqual(places);
  });

  test("leave pruned images out, and keep the order of the others", () => {
    const images = [candidate("a", { state: "pruned", scores: { j: 3 } }), ...scored(0, 2, 1).slice(1)];
    expect(placesOf(images)).toEqual(["b1 c2"]);
  });
});

describe("ties", () => {
  test.each<[name: string, votes: readonly Vote[], ties: readonly string[]]>([
    ["a vote that says so", [vote("a=b", "ab")], ["ab tie 1"]],
    ["both bad", [bothBad("ab")], ["ab both_bad 1"]],
    ["as many of each, which is a tie", [vote("a=b", "ab"), bothBad("ab")], ["ab tie 2"]],
    ["no more than half of the votes", [vote("a=b", "ab"), vote("a>b")], []],
    ["most of the votes", [vote("a=b", "ab"), vote("a>b"), vote("a=b", "ab")], ["ab tie 3"]],
    ["people who disagree, which is no tie", [vote("a>b"), vote("b>a")], []],
    ["two losers of a vote for another, which is no tie", [vote("c", "abc")], []],
    ["a tier of a ranking", [vote("c>a=b")], ["ab tie 1"]],
  ])("of people: %s", (_name, votes, ties) => {
    const images = votes.some(({ shown }) => shown.includes("c")) ? scored(1, 2, 3) : scored(1, 2);
    // Where most say tie and one prefers, linking has a row of it.
    const isLinked = linkGroup(facts(images, votes), rules()).links.some(({ chosen, rejected }) =>
      ["ab", "ba"].includes(chosen.imageId + rejected.map(({ imageId }) => imageId).join("")),
    );
    expect(tiesOf(images, votes)).toEqual(isLinked ? [] : ties);
  });

  test("of judges: equal scores", () => {
    expect(tiesOf(scored(0.5, 0.25, 0.5))).toEqual(["ac tie 0"]);
  });

  test("are reported if most votes are for a tie and the pair set refuses the row", () => {
    const votes = [vote("a=b", "ab"), vote("a>b"), vote("a=b", "ab")];
    expect(tiesOf(scored(1, 2), votes, { min_agreement: 0.9 })).toEqual(["ab tie 3"]);
  });

  test("are never a pair that has a row, and never one image", () => {
    const ids = ["a", "b", "c", "d"];
    const cast = fc.oneof(
      fc.subarray(ids, { minLength: 2 }).map((shown): Vote => ({ kind: "tie", shown, ranking: [shown] })),
      fc.subarray(ids, { minLength: 2 }).map((shown): Vote => ({ kind: "both_bad", shown, ranking: [] })),
      fc.shuffledSubarray(ids, { minLength: 2 }).map((shown): Vote => ({ kind: "choice", shown, ranking: shown.map((id) => [id]) })),
    );
    fc.assert(
      fc.property(fc.array(cast, { maxLength: 6 }), (votes) => {
        const group = facts(scored(1, 2, 3, 4), votes);
        const linked = linkGroup(group, rules({ policy: "all", max_per_prompt: 10 })).links;
        const shown = linked.flatMap(({ chosen, rejected }) =>
          rejected.map(({ imageId }) => [chosen.imageId, imageId].toSorted().join("")),
        );
        const ties = tiesOf(group.images, votes, { policy: "all", max_per_prompt: 10 }).map((tie) => tie.slice(0, 2));
        expect(ties.filter((tie) => shown.includes(tie) || tie[0] === tie[1])).toEqual([]);
        expect(new Set(ties).size).toBe(ties.length);
      }),
    );
  });
});
