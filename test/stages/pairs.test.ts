import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { PairsPolicy } from "../../src/config/schema.ts";
import { hammingDistance } from "../../src/stages/pairs/filters.ts";
import type { GroupFacts, LinkRules, Vote } from "../../src/stages/pairs/group-facts.ts";
import { linkGroup } from "../../src/stages/pairs.ts";
import { bothBad, candidate, facts, rowText, rules, scored, skip, vote } from "./pairs/facts.ts";

const rowsOf = (group: GroupFacts, by: LinkRules = rules()) => linkGroup(group, by).links.map(rowText);
const dropsOf = (group: GroupFacts, by: LinkRules = rules()) =>
  Object.fromEntries(linkGroup(group, by).drops.map(({ unit, reason, count }) => [`${unit} ${reason}`, count]));
const images = scored(0.1, 0.7, 0.7, 0.4);

describe("linkGroup() policies", () => {
  it("best-rest puts every loser beyond the margin into one row, best first", () => {
    expect(rowsOf(facts(images))).toEqual(["b>d,a"]);
    expect(dropsOf(facts(images))).toEqual({ "pair tie": 1 });
    expect(rowsOf(facts(images), rules({ min_margin: 0.5 }))).toEqual(["b>a"]);
    expect(linkGroup(facts(images), rules()).links[0]).toMatchObject({
      source: "judge:j",
      margin: 0.3,
      agreement: null,
      nVotes: 0,
      nCandidates: 4,
      chosen: { imageId: "b", score: 0.7 },
      rejected: [
        { imageId: "d", score: 0.4 },
        { imageId: "a", score: 0.1 },
      ],
    });
  });

  it("best-worst takes the clearest signal", () => {
    expect(rowsOf(facts(images), rules({ policy: "best-worst" }))).toEqual(["b>a"]);
  });

  it("all takes every pair but ties, clearest first, up to max_per_prompt", () => {
    expect(rowsOf(facts(images), rules({ policy: "all", max_per_prompt: 99 }))).toEqual(["b>a", "c>a", "b>d", "c>d", "d>a"]);
    expect(rowsOf(facts(images), rules({ policy: "all", max_per_prompt: 2 }))).toEqual(["b>a", "c>a"]);
    expect(dropsOf(facts(images), rules({ policy: "all", max_per_prompt: 2 }))).toEqual({ "pair max-per-prompt": 3, "pair tie": 1 });
  });

  it("adjacent takes neighbours in the ranking", () => {
    expect(rowsOf(facts(images), rules({ policy: "adjacent", max_per_prompt: 99 }))).toEqual(["c>d", "d>a"]);
  });

  it("compares and counts in the 6 decimals that rows carry", () => {
    expect(dropsOf(facts(scored(0.3, 0.30000004)))).toEqual({ "pair tie": 1, "prompt tie": 1 });
    expect(linkGroup(facts(scored(0.1, 0.3)), rules({ min_margin: 0.2 })).links[0]?.margin).toBe(0.2);
  });
});

describe("linkGroup() across variants", () => {
  const variants = [
    candidate("a", { variant: "base", scores: { j: 0.9 } }),
    candidate("b", { variant: "base", scores: { j: 0.2 } }),
    candidate("c", { variant: "sweep/cfg=3", scores: { j: 0.5 } }),
    candidate("d", { variant: "sweep/cfg=7", scores: { j: 0.1 } }),
  ];

  it("within pairs only candidates of one variant", () => {
    expect(rowsOf(facts(variants), rules({ across: "within" }))).toEqual(["a>b"]);
  });

  it("within keeps each variant's own size", () => {
    const large = variants.map((image, index) =>
      candidate(image.imageId, {
        ...image,
        scores: { j: index },
        variant: index < 2 ? "base" : "large",
        look: index < 2 ? {} : { widthPx: 1024 },
      }),
    );
    expect(rowsOf(facts(large), rules({ across: "within", max_per_prompt: 9 }))).toEqual(["b>a", "d>c"]);
  });

  it("named variants are chosen and rejected as told, by name or as expanded", () => {
    expect(rowsOf(facts(variants), rules({ across: { chosen: ["base"], rejected: ["sweep"] } }))).toEqual(["a>c,d"]);
    expect(rowsOf(facts(variants), rules({ across: { chosen: ["sweep/cfg=3"], rejected: ["base"] } }))).toEqual(["c>b"]);
    expect(dropsOf(facts(variants), rules({ across: { chosen: ["sweep/cfg=3"], rejected: ["base"] } }))).toEqual({ "pair across": 1 });
    expect(dropsOf(facts(variants), rules({ across: { chosen: ["none"], rejected: ["base"] } }))).toEqual({ "prompt across": 1 });
  });
});

describe("linkGroup() sources", () => {
  it("asks the next source only where the one before has no verdict", () => {
    expect(rowsOf(facts(images, [vote("a", "abcd")]))).toEqual(["a>b,c,d"]);
    expect(rowsOf(facts(images, [skip("abcd")]))).toEqual(["b>d,a"]);
    expect(rowsOf(facts(images, [vote("a", "abcd")]), rules({ from: ["j", "people"] }))).toEqual(["b>d,a"]);
  });

  it("takes a tie and 'both bad' by people for a verdict", () => {
    expect(dropsOf(facts(images, [vote("a=b=c=d")]))).toMatchObject({ "prompt tie": 1 });
    expect(dropsOf(facts(images, [bothBad("abcd")]))).toMatchObject({ "prompt both-bad": 1 });
    expect(dropsOf(facts(images, [vote("a", "abcd"), bothBad("abcd")]))).toMatchObject({ "prompt both-bad": 1 });
    expect(rowsOf(facts(images, [vote("a", "abcd"), vote("a", "abcd"), bothBad("abcd")]))).toEqual(["a>b,c,d"]);
  });

  it("holds back votes under min_votes and rows under min_agreement", () => {
    const votes = [vote("a", "abcd"), vote("a", "abcd"), vote("b", "abcd")];
    expect(linkGroup(facts(images, votes), rules()).links[0]).toMatchObject({ source: "people", agreement: 0.666667, nVotes: 3 });
    expect(dropsOf(facts(images, votes), rules({ min_agreement: 0.7 }))).toMatchObject({
      "prompt min-agreement": 1,
      "pair min-agreement": 3,
    });
    expect(dropsOf(facts(images, votes), rules({ min_votes: 4, from: ["people"] }))).toEqual({ "prompt min-votes": 1 });
    expect(rowsOf(facts(images, votes), rules({ min_votes: 4 }))).toEqual(["b>d,a"]);
  });

  it("pairs no images that votes compared neither directly nor through others", () => {
    expect(rowsOf(facts(images, [vote("a>b"), vote("c>d")]), rules({ policy: "all", max_per_prompt: 9 }))).toEqual(["a>b", "c>d"]);
    expect(dropsOf(facts(images, [vote("a>b"), vote("c>d")]))).toEqual({ "pair tie": 1, "pair uncompared": 1 });
    const chain = linkGroup(facts(images, [vote("a>b"), vote("b>c")]), rules({ policy: "best-worst" }));
    expect(chain.links).toMatchObject([{ chosen: { imageId: "a" }, rejected: [{ imageId: "c" }], nVotes: 0, agreement: null }]);
  });

  it("drops images that the judge could not score, and prompts without a verdict", () => {
    expect(rowsOf(facts(scored(null, 0.5, 0.4)))).toEqual(["b>c"]);
    expect(dropsOf(facts(scored(null, 0.5, 0.4)))).toEqual({ "image unscored": 1 });
    expect(dropsOf(facts(scored(null, 0.5)))).toEqual({ "prompt no-verdict": 1 });
    expect(dropsOf(facts([candidate("a"), candidate("b")]))).toEqual({ "prompt no-verdict": 1 });
    expect(dropsOf(facts(scored(0.5)))).toEqual({ "prompt too-few-candidates": 1 });
  });

  it("names the last hurdle that a prompt's pairs reached", () => {
    expect(dropsOf(facts(scored(0.5, 0.5, 0.45)), rules({ min_margin: 0.1 }))).toEqual({
      "pair tie": 1,
      "pair below-margin": 1,
      "prompt below-margin": 1,
    });
  });
});

describe("linkGroup() near-duplicates", () => {
  const near = [
    candidate("a", { scores: { j: 0.9 }, look: { perceptualHash: "ffffffff00000000" } }),
    candidate("b", { scores: { j: 0.5 }, look: { perceptualHash: "ffffffff0000000f" } }),
    candidate("c", { scores: { j: 0.1 }, look: { perceptualHash: "00000000ffffffff" } }),
  ];

  it("never pairs two, and keeps both for other pairs", () => {
    expect(rowsOf(facts(near), rules({ policy: "all", max_per_prompt: 9 }))).toEqual(["a>c", "b>c"]);
    expect(dropsOf(facts(near))).toEqual({ "pair near-duplicate": 1 });
  });

  it("obeys the threshold", () => {
    expect(rowsOf(facts(near), rules({}, { near_duplicate: 3 }))).toEqual(["a>b,c"]);
    expect(rowsOf(facts(near), rules({}, { near_duplicate: 0 }))).toEqual(["a>b,c"]);
  });

  it("never pairs equal pixels, whatever the filters say", () => {
    const equal = [candidate("a", { scores: { j: 1 } }), candidate("b", { scores: { j: 0 }, look: { pixelSha256: "pixels a" } })];
    expect(dropsOf(facts(equal), rules({}, { same_pixels: false, near_duplicate: 0 }))).toEqual({
      "pair same-pixels": 1,
      "prompt same-pixels": 1,
    });
  });
});

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
const anyImage = (name: string) =>
  fc
    .record({
      state: mostly("stored" as const, "rejected" as const, "excluded" as const),
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
      scores: fc.record({ j: fc.oneof(fc.constantFrom(0, -0, 0.5, 1), fc.double({ min: -2, max: 2, noNaN: true }), fc.constant(null)) }),
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
    from: fc.constantFrom<string[]>(["people", "j"], ["j"], ["people"], ["j", "people"]),
    min_margin: fc.constantFrom<number>(0, 0.1),
    min_votes: fc.constantFrom<number>(1, 2),
    min_agreement: fc.constantFrom<number>(0, 0.6),
    max_per_prompt: fc.constantFrom<number>(1, 3, 100),
  })
  .chain((policy) =>
    fc
      .record({ blank: fc.boolean(), same_pixels: fc.boolean(), near_duplicate: fc.constantFrom<number>(0, 4), flagged: fc.boolean() })
      .map((filters) => rules(policy, filters)),
  );

describe("linkGroup() whatever the group and the policy", () => {
  it("never yields chosen = rejected, a tie, mixed sizes, equal pictures, or a pair twice", () => {
    let linked = 0;
    fc.assert(
      fc.property(anyGroup, anyRules, (group, by) => {
        const byId = new Map(group.images.map((image) => [image.imageId, image]));
        const { links } = linkGroup(group, by);
        linked += links.length;
        const pairs = links.flatMap(({ chosen, rejected }) => rejected.map((loser) => [chosen, loser] as const));
        for (const [chosen, loser] of pairs) {
          const [winner, other] = [byId.get(chosen.imageId)!, byId.get(loser.imageId)!];
          expect(chosen.imageId).not.toBe(loser.imageId);
          expect(chosen.score - loser.score).toBeGreaterThan(0);
          expect([winner.state, other.state]).toEqual(["stored", "stored"]);
          expect(winner.look!.widthPx).toBe(other.look!.widthPx);
          expect(winner.look!.pixelSha256).not.toBe(other.look!.pixelSha256);
          const bits = hammingDistance(winner.look!.perceptualHash, other.look!.perceptualHash);
          expect(by.filters.near_duplicate === 0 || bits > by.filters.near_duplicate).toBe(true);
          expect(by.filters.flagged && (winner.flagged || other.flagged)).toBe(false);
          expect(by.policy.across !== "within" || winner.variant === other.variant).toBe(true);
        }
        const unordered = pairs.map(([chosen, loser]) => [chosen.imageId, loser.imageId].toSorted().join());
        expect(new Set(unordered).size).toBe(unordered.length);
      }),
      { numRuns: 3_000 },
    );
    expect(linked).toBeGreaterThan(300); // Else the property would be about nothing.
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

  it("does not depend on the order in which votes were cast", () => {
    fc.assert(
      fc.property(anyGroup, anyRules, (group, by) => {
        expect(linkGroup({ ...group, votes: group.votes.toReversed() }, by)).toEqual(linkGroup(group, by));
      }),
      { numRuns: 500 },
    );
  });
});

describe("linkGroup() with pruned images", () => {
  const prune = (ids: string) => images.map((image) => (ids.includes(image.imageId) ? { ...image, state: "pruned" as const } : image));

  it("what no row shows changes nothing by being pruned: neither rows, nor counts, nor drops", () => {
    const bestWorst = rules({ policy: "best-worst" });
    expect(rowsOf(facts(images), bestWorst)).toEqual(["b>a"]);
    expect(linkGroup(facts(prune("cd")), bestWorst)).toEqual(linkGroup(facts(images), bestWorst));
    const capped = rules({ policy: "all", max_per_prompt: 1 });
    expect(rowsOf(facts(images), capped)).toEqual(["b>a"]);
    expect(linkGroup(facts(prune("cd")), capped)).toEqual(linkGroup(facts(images), capped));
  });

  it("no row ever shows one: other rules make rows of what is left", () => {
    expect(rowsOf(facts(prune("cd")))).toEqual(["b>a"]);
    expect(dropsOf(facts(prune("cd")))).toEqual({ "image excluded": 2 });
    expect(rowsOf(facts(prune("bcd")))).toEqual([]);
  });
});
