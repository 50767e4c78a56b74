import { expect, it } from "vitest";
import { explainGroup } from "../../../../src/stages/annotate/link/pairs.ts";
import type { CandidateImage } from "../../../../src/stages/annotate/link/group-facts.ts";

const image = (imageId: string, facts: Partial<CandidateImage> = {}, pixels = imageId): CandidateImage => ({
  imageId,
  state: "stored",
  variant: "base",
  sha256: `sha-${imageId}`,
  look: { widthPx: 64, heightPx: 64, pixelSha256: pixels, perceptualHash: "0123456789abcdef", lumaStd: 40 },
  flagged: false,
  flawed: false,
  scores: new Map([["quality", 0.5]]),
  ...facts,
});
const rules = {
  policy: {
    from: ["quality"],
    policy: "best-rest",
    across: "any",
    min_margin: 0,
    min_votes: 1,
    min_agreement: 0,
    max_per_prompt: 1,
  },
  filters: { blank: true, same_pixels: true, near_duplicate: 0, flagged: true, flag_votes: 1, nsfw: null },
  combination: { method: "rank-mean", judges: [] },
  sources: ["quality"],
} as const satisfies object;

it("explains for each candidate why it is left out, or how the deciding source scores it", () => {
  const images = [
    image("a"),
    image("b", { flagged: true }),
    image("c", { look: null }),
    image("d", { scores: new Map() }),
    image("e", {}, "a"),
    image("f", { scores: new Map([["quality", 0.25]]) }),
  ];
  const explained = explainGroup(
    { promptKey: "p", criterion: "overall", images, votes: [] },
    { ...rules, policy: { ...rules.policy, from: ["quality"] } },
  );
  expect(Object.fromEntries(explained)).toEqual({
    a: { why: null, score: 0.5 },
    b: { why: "flagged", score: null },
    c: { why: "undecodable", score: null },
    d: { why: "unscored", score: null },
    e: { why: "same-pixels", score: null },
    f: { why: null, score: 0.25 },
  });
});
