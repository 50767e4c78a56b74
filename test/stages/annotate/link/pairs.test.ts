import { describe, expect, it } from "vitest";
import type { GroupFacts, LinkRules } from "../../../../src/stages/annotate/link/group-facts.ts";
import { linkGroup } from "../../../../src/stages/annotate/link/pairs.ts";
import { bothBad, candidate, facts, rowText, rules, scored, skip, vote } from "./facts.ts";

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

  it("best-worst takes the pair with the largest margin", () => {
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

  it("named variants are chosen and rejected as configured, by name or as expanded", () => {
    expect(rowsOf(facts(variants), rules({ across: { chosen: ["base"], rejected: ["sweep"] } }))).toEqual(["a>c,d"]);
    expect(rowsOf(facts(variants), rules({ across: { chosen: ["sweep/cfg=3"], rejected: ["base"] } }))).toEqual(["c>b"]);
    expect(dropsOf(facts(variants), rules({ across: { chosen: ["sweep/cfg=3"], rejected: ["base"] } }))).toEqual({ "pair across": 1 });
    expect(dropsOf(facts(variants), rules({ across: { chosen: ["none"], rejected: ["base"] } }))).toEqual({ "prompt across": 1 });
  });
});

describe("linkGroup() sources", () => {
  it("asks the next source only if the one before has no verdict", () => {
    expect(rowsOf(facts(images, [vote("a", "abcd")]))).toEqual(["a>b,c,d"]);
    expect(rowsOf(facts(images, [skip("abcd")]))).toEqual(["b>d,a"]);
    expect(rowsOf(facts(images, [vote("a", "abcd")]), rules({ from: ["j", "people"] }))).toEqual(["b>d,a"]);
  });

  it("treats a tie and 'both bad' by people as a verdict", () => {
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

  it("accepts an agreement of exactly min_agreement, and none only if none is required (docs/votes.md)", () => {
    const votes = [vote("a", "abcd"), vote("a", "abcd"), vote("b", "abcd")];
    expect(rowsOf(facts(images, votes), rules({ min_agreement: 0.666667 }))).toHaveLength(1);
    expect(rowsOf(facts(images, votes), rules({ min_agreement: 0.666668, from: ["people"] }))).toEqual([]);
    // No vote compared a with c: the row follows from two others, and nobody agreed on it.
    const chain = facts(images, [vote("a>b"), vote("b>c")]);
    const worst = { policy: "best-worst" as const, from: ["people"] };
    expect(rowsOf(chain, rules(worst))).toEqual(["a>c"]);
    expect(rowsOf(chain, rules({ ...worst, min_agreement: 0.000001 }))).toEqual([]);
    expect(dropsOf(chain, rules({ ...worst, min_agreement: 0.000001 }))).toMatchObject({ "pair min-agreement": 1 });
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

  it("combined ranks by several judges, and uses the next source if they have no scores", () => {
    const two = [
      candidate("a", { scores: { j: 0.9, k: 10 } }),
      candidate("b", { scores: { j: 0.8, k: 30 } }),
      candidate("c", { scores: { j: 0.1, k: 20 } }),
      candidate("d", { scores: { j: 0.5, k: null } }),
    ];
    const both = { method: "rank-mean", judges: ["j", "k"].map((judge) => ({ judge, weight: 1 })) } as const;
    const by = { ...rules({ from: ["combined", "j"] }), combination: both };
    expect(linkGroup(facts(two), by).links).toMatchObject([
      {
        source: "combined",
        margin: 0.25,
        chosen: { imageId: "b", score: 0.75 },
        rejected: [
          { imageId: "a", score: 0.5 },
          { imageId: "c", score: 0.25 },
        ],
      },
    ]);
    expect(dropsOf(facts(two), by)).toEqual({ "image unscored": 1 });
    expect(linkGroup(facts(scored(0.1, 0.2)), by).links).toMatchObject([{ source: "judge:j" }]);
  });

  it("names the last check that a prompt's pairs reached", () => {
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

  it("never pairs two of them, and keeps both for other pairs", () => {
    expect(rowsOf(facts(near), rules({ policy: "all", max_per_prompt: 9 }))).toEqual(["a>c", "b>c"]);
    expect(dropsOf(facts(near))).toEqual({ "pair near-duplicate": 1 });
  });

  it("respects the threshold", () => {
    expect(rowsOf(facts(near), rules({}, { near_duplicate: 3 }))).toEqual(["a>b,c"]);
    expect(rowsOf(facts(near), rules({}, { near_duplicate: 0 }))).toEqual(["a>b,c"]);
  });

  it("applies a flag on one of equal images to all of them, in any variant", () => {
    const copies = [
      candidate("a", { scores: { j: 1 } }),
      candidate("b", { scores: { j: 0.5 }, variant: "other", look: { pixelSha256: "pixels a" }, flagged: true }),
      candidate("c", { scores: { j: 0 } }),
    ];
    for (const across of ["any", "within"] as const)
      expect(dropsOf(facts(copies), rules({ across }))).toMatchObject({ "image flagged": 2 });
    expect(rowsOf(facts(copies), rules({}, { flagged: false }))).toEqual(["a>c"]);
  });

  it("never pairs equal pixels, whatever the filters say", () => {
    const equal = [candidate("a", { scores: { j: 1 } }), candidate("b", { scores: { j: 0 }, look: { pixelSha256: "pixels a" } })];
    expect(dropsOf(facts(equal), rules({}, { same_pixels: false, near_duplicate: 0 }))).toEqual({
      "pair same-pixels": 1,
      "prompt same-pixels": 1,
    });
  });
});

describe("linkGroup() with pruned images", () => {
  const prune = (ids: string) => images.map((image) => (ids.includes(image.imageId) ? { ...image, state: "pruned" as const } : image));

  it("pruning an image that no row shows changes neither rows, nor counts, nor drops", () => {
    const bestWorst = rules({ policy: "best-worst" });
    expect(rowsOf(facts(images), bestWorst)).toEqual(["b>a"]);
    expect(linkGroup(facts(prune("cd")), bestWorst)).toEqual(linkGroup(facts(images), bestWorst));
    const capped = rules({ policy: "all", max_per_prompt: 1 });
    expect(rowsOf(facts(images), capped)).toEqual(["b>a"]);
    expect(linkGroup(facts(prune("cd")), capped)).toEqual(linkGroup(facts(images), capped));
  });

  it("no row ever shows one: under other rules rows are made of what is left", () => {
    expect(rowsOf(facts(prune("cd")))).toEqual(["b>a"]);
    expect(dropsOf(facts(prune("cd")))).toEqual({ "image excluded": 2 });
    expect(rowsOf(facts(prune("bcd")))).toEqual([]);
  });
});
