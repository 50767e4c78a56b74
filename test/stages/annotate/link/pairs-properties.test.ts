import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { PairsPolicy } from "../../../../src/config/schema.ts";
import { hammingDistance } from "../../../../src/stages/annotate/link/filters.ts";
import type { CandidateImage, GroupFacts, LinkRules, Vote } from "../../../../src/stages/annotate/link/group-facts.ts";
import { linkGroup } from "../../../../src/stages/annotate/link/pairs.ts";
import { bothBad, candidate, facts, rules, skip } from "./facts.ts";

// What holds for every group, every policy, every source: no pair that would teach a model something wrong.

const names = ["a", "b", "c", "d", "e", "f"];
const someNames = fc.subarray(names, { minLength: 2 }).chain((list) => fc.shuffledSubarray(list, { minLength: list.length }));
const anyVote: fc.Arbitrary<Vote> = fc.oneof(
  someNames.map((shown) => ({ kind: "choice" as const, shown, ranking: [[shown[0]!]] })),
  someNames.map((shown) => ({ kind: "choice" as const, shown, ranking: shown.map((name) => [name]) })),
  someNames.map((shown) => ({ kind: "choice" as const, shown, ranking: [shown.slice(0, 1), shown.slice(1)] })),
  someNames.map((shown) => ({ kind: "tie" as const, shown, ranking: [shown] })),
  someNames.map((shown) => bothBad(shown.join(""))),
  someNames.map((shown) => skip(shown.join(""))),
);
const mostly = <Value>(usual: Value, ...others: readonly Value[]) =>
  fc.oneof({ weight: 5, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: fc.constantFrom(...others) });
const anyScore = fc.oneof(fc.constantFrom(0, -0, 0.5, 1), fc.double({ min: -2, max: 2, noNaN: true }), fc.constant(null));
/** Also what a broken judge might say. */
const wildScore = fc.oneof(
  { weight: 4, arbitrary: anyScore },
  { weight: 1, arbitrary: fc.double({ noNaN: true, noDefaultInfinity: true }) },
);
const anyImage = (name: string) =>
  fc
    .record({
      state: mostly("stored" as const, "rejected" as const, "excluded" as const, "pruned" as const),
      variant: fc.constantFrom("A", "B/x=1"),
      sha256: mostly(`own ${name}`, "1", "2"),
      flagged: mostly(false, true),
      look: fc.option(
        fc.record({
          widthPx: mostly(64, 128),
          pixelSha256: mostly(`own ${name}`, "1"),
          perceptualHash: mostly(name.repeat(16).replaceAll(/[^a-f]/g, "0"), "0000000000000000", "0000000000000007"),
          lumaStd: mostly(40, 1),
        }),
        { freq: 8 },
      ),
      scores: fc.record({ j: anyScore, k: wildScore, unsafe: mostly(0, 1, null) }),
    })
    .map((options) => candidate(name, options));
const anyGroup = fc
  .record({ images: fc.tuple(...names.map(anyImage)), votes: fc.array(anyVote, { maxLength: 6 }) })
  .map((group) => facts(group.images, group.votes));
const anyRules = fc
  .record({
    policy: fc.constantFrom<PairsPolicy["policy"]>("best-rest", "best-worst", "all", "adjacent"),
    across: fc.constantFrom<PairsPolicy["across"]>(
      "any",
      "within",
      { chosen: ["A"], rejected: ["B"] },
      { chosen: ["A", "B"], rejected: ["A", "B"] },
    ),
    from: fc.constantFrom<string[]>(["people", "j"], ["j"], ["people"], ["j", "people"], ["combined"], ["people", "combined", "k"]),
    min_margin: fc.constantFrom<number>(0, 0.1),
    min_votes: fc.constantFrom<number>(1, 2),
    min_agreement: fc.constantFrom<number>(0, 0.6),
    max_per_prompt: fc.constantFrom<number>(1, 3, 100),
  })
  .chain((policy) =>
    fc
      .record({
        filters: fc.record({
          blank: fc.boolean(),
          same_pixels: fc.boolean(),
          near_duplicate: fc.constantFrom<number>(0, 4),
          flagged: fc.boolean(),
          nsfw: fc.constantFrom<LinkRules["filters"]["nsfw"]>(null, { judge: "unsafe", above: 0.5 }),
        }),
        combination: fc.record({
          method: fc.constantFrom<LinkRules["combination"]["method"]>("rank-mean", "weights"),
          judges: fc.constantFrom(
            [
              { judge: "j", weight: 1 },
              { judge: "k", weight: 1 },
            ],
            [
              { judge: "j", weight: 3 },
              { judge: "k", weight: 0.1 },
            ],
            [{ judge: "k", weight: 1 }],
          ),
        }),
      })
      .map(({ filters, combination }): LinkRules => ({ ...rules(policy, filters), combination })),
  );

const keyOf = ({ imageId }: Pick<CandidateImage, "imageId">): string => imageId;

describe("linkGroup() whatever the group and the policy", () => {
  it("never yields chosen = rejected, a tie, two prompts, two sizes, equal, excluded, flagged or unsafe images, or a pair twice", () => {
    let linked = 0;
    const sources = new Set<string>();
    fc.assert(
      fc.property(anyGroup, anyRules, (group, by) => {
        const byId = new Map(group.images.map((image) => [image.imageId, image]));
        const { links } = linkGroup(group, by);
        linked += links.length;
        for (const { source } of links) sources.add(source);
        const pairs = links.flatMap(({ chosen, rejected }) => rejected.map((loser) => [chosen, loser] as const));
        for (const [chosen, loser] of pairs) {
          const [winner, other] = [byId.get(chosen.imageId)!, byId.get(loser.imageId)!];
          expect(chosen.imageId).not.toBe(loser.imageId);
          expect(chosen.score - loser.score).toBeGreaterThan(0);
          expect([winner.state, other.state]).toEqual(["stored", "stored"]);
          expect(winner.look!.heightPx).toBe(other.look!.heightPx);
          expect(winner.look!.widthPx).toBe(other.look!.widthPx);
          expect(winner.look!.pixelSha256).not.toBe(other.look!.pixelSha256);
          const bits = hammingDistance(winner.look!.perceptualHash, other.look!.perceptualHash);
          expect(by.filters.near_duplicate === 0 || bits > by.filters.near_duplicate).toBe(true);
          const flaggedPixels = new Set(group.images.filter(({ flagged }) => flagged).map(({ look }) => look?.pixelSha256));
          const isFlagged = [winner, other].some(({ flagged, look }) => flagged || flaggedPixels.has(look!.pixelSha256));
          expect(by.filters.flagged && isFlagged).toBe(false);
          for (const { scores } of [winner, other]) expect(by.filters.nsfw === null || scores.get("unsafe") === 0).toBe(true);
          expect(by.filters.blank && Math.min(winner.look!.lumaStd, other.look!.lumaStd) < 2).toBe(false);
          expect(by.policy.across !== "within" || winner.variant === other.variant).toBe(true);
        }
        const unordered = pairs.map(([chosen, loser]) => [chosen.imageId, loser.imageId].toSorted().join());
        expect(new Set(unordered).size).toBe(unordered.length);
      }),
      { numRuns: 3_000 },
    );
    // Else the property would be about nothing.
    expect(linked).toBeGreaterThan(300);
    expect([...sources].toSorted()).toEqual(["combined", "judge:j", "judge:k", "people"]);
  });

  it("keeps to the policy's limits, and explains every prompt without a row", () => {
    fc.assert(
      fc.property(anyGroup, anyRules, (group, by) => {
        const { links, drops } = linkGroup(group, by);
        expect(links.length).toBeLessThanOrEqual(by.policy.max_per_prompt);
        expect(drops.filter(({ unit }) => unit === "prompt")).toHaveLength(links.length === 0 ? 1 : 0);
        expect(drops.every(({ count }) => count > 0)).toBe(true);
        for (const { margin, chosen, rejected, nVotes, agreement } of links) {
          expect(rejected.length).toBeGreaterThan(0);
          expect(rejected.map(({ score }) => score)).toEqual(rejected.map(({ score }) => score).toSorted((a, b) => b - a));
          expect(margin).toBeCloseTo(chosen.score - rejected[0]!.score, 9);
          expect(margin).toBeGreaterThanOrEqual(by.policy.min_margin);
          expect((agreement === null) === (nVotes === 0)).toBe(true);
          expect(nVotes === 0 || agreement! >= by.policy.min_agreement).toBe(true);
        }
        const used = new Set(links.flatMap(({ chosen, rejected }) => [chosen.imageId, ...rejected.map(({ imageId }) => imageId)]));
        const lost = drops.filter(({ unit }) => unit === "image").reduce((sum, { count }) => sum + count, 0);
        expect(used.size + lost).toBeLessThanOrEqual(group.images.length);
      }),
      { numRuns: 2_000 },
    );
  });

  it("does not depend on the order in which images and votes come", () => {
    const shuffled = anyGroup.chain((group) =>
      fc
        .record({
          images: fc.shuffledSubarray([...group.images], { minLength: group.images.length }),
          votes: fc.shuffledSubarray([...group.votes], { minLength: group.votes.length }),
        })
        .map((other): [GroupFacts, GroupFacts] => [group, { ...group, ...other }]),
    );
    fc.assert(
      fc.property(shuffled, anyRules, ([group, other], by) => {
        expect(linkGroup(other, by)).toEqual(linkGroup(group, by));
      }),
      { numRuns: 1_000 },
    );
  });

  it("pruning images that no row shows changes nothing", () => {
    fc.assert(
      fc.property(anyGroup, anyRules, (group, by) => {
        const stored = group.images.map((image) => (image.state === "pruned" ? { ...image, state: "stored" as const } : image));
        const before = linkGroup({ ...group, images: stored }, by);
        const shown = new Set(before.links.flatMap(({ chosen, rejected }) => [chosen, ...rejected].map(keyOf)));
        const pruned = stored.map((image) =>
          image.state === "stored" && !shown.has(image.imageId) ? { ...image, state: "pruned" as const } : image,
        );
        expect(linkGroup({ ...group, images: pruned }, by)).toEqual(before);
      }),
      { numRuns: 1_000 },
    );
  });
});
