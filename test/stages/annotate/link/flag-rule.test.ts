import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { configSchema } from "../../../../src/config/schema.ts";
import { findFlaggedImages, chooseFlagRule, type FlagRule } from "../../../../src/stages/annotate/link/flag-rule.ts";
import { linkGroup } from "../../../../src/stages/annotate/link/pairs.ts";
import { candidate, facts, rowText, rules } from "./facts.ts";

const filtersOf = (written: object) => configSchema.shape.annotate.parse({ filters: written }).filters;
const votes = [
  { annotator: "ann", flags: { a: ["artefact"], b: ["nsfw"] } },
  { annotator: "ann", flags: { a: ["artefact"] } },
  { annotator: "bob", flags: { a: ["text"], b: ["nsfw", "artefact"] } },
];
const seen = (rule: FlagRule) => {
  const { out, flawed } = findFlaggedImages(votes, rule);
  return { out: [...out].toSorted().join(""), flawed: [...flawed].toSorted().join("") };
};

describe("flags of people", () => {
  it("have another default in datasets that are older than the default, until the key is set", () => {
    expect(chooseFlagRule(filtersOf({}), 0)).toEqual({ takesOut: "any", people: 1 });
    expect(chooseFlagRule(filtersOf({}), 1)).toEqual({ takesOut: ["nsfw", "corrupt"], people: 1 });
    for (const defaults of [0, 1]) {
      expect(chooseFlagRule(filtersOf({ flagged: true }), defaults).takesOut).toBe("any");
      expect(chooseFlagRule(filtersOf({ flagged: false }), defaults).takesOut).toBe("none");
      expect(chooseFlagRule(filtersOf({ flagged: ["text"], flag_votes: 2 }), defaults)).toEqual({ takesOut: ["text"], people: 2 });
    }
  });

  it("take images out or bar them from being chosen once enough people agree", () => {
    expect(seen({ takesOut: ["nsfw", "corrupt"], people: 1 })).toEqual({ out: "b", flawed: "ab" });
    // Ann saw an artefact twice, and is one person; bob saw another flaw.
    expect(seen({ takesOut: ["nsfw", "corrupt"], people: 2 })).toEqual({ out: "b", flawed: "" });
    expect(seen({ takesOut: "any", people: 1 })).toEqual({ out: "ab", flawed: "" });
    expect(seen({ takesOut: "any", people: 2 })).toEqual({ out: "ab", flawed: "" });
    expect(seen({ takesOut: "none", people: 1 })).toEqual({ out: "", flawed: "" });
    expect(seen({ takesOut: [], people: 1 })).toEqual({ out: "", flawed: "ab" });
  });

  const images = [
    candidate("a", { scores: { j: 0.9 }, flawed: true }),
    candidate("b", { scores: { j: 0.7 } }),
    candidate("c", { scores: { j: 0.5 }, flawed: true }),
    candidate("d", { scores: { j: 0.1 } }),
  ];
  it("an image with a flaw is never chosen, and its lost pairs are counted", () => {
    const linked = linkGroup(facts(images), rules());
    expect(linked.links.map(rowText)).toEqual(["b>c,d"]);
    expect(linked.drops).toContainEqual({ unit: "pair", reason: "flagged", count: 1 });
    const all = linkGroup(facts(images), rules({ policy: "all", max_per_prompt: 99 }));
    expect(all.links.map(rowText)).toEqual(["b>d", "b>c"]);
    expect(all.drops).toContainEqual({ unit: "pair", reason: "flagged", count: 4 });
  });

  it("apply to copies of the image, too", () => {
    const copies = [
      candidate("a", { flawed: true, scores: { j: 0.1 } }),
      candidate("b", { look: { pixelSha256: "pixels a" }, scores: { j: 0.9 } }),
      candidate("c", { scores: { j: 0.5 } }),
    ];
    for (const { chosen } of linkGroup(facts(copies), rules({}, { same_pixels: false })).links) expect(chosen.imageId).toBe("c");
  });

  it("never let an image with a flaw be chosen, under any policy", () => {
    const image = fc.record({ score: fc.integer({ min: 0, max: 5 }), flawed: fc.boolean() });
    fc.assert(
      fc.property(fc.array(image, { maxLength: 6 }), fc.constantFrom("best-rest", "best-worst", "all", "adjacent"), (drawn, policy) => {
        const group = drawn.map(({ score, flawed }, index) => candidate(String.fromCharCode(97 + index), { flawed, scores: { j: score } }));
        const flaws = new Set(group.filter(({ flawed }) => flawed).map(({ imageId }) => imageId));
        const { links } = linkGroup(facts(group), rules({ policy, max_per_prompt: 99 }));
        expect(links.filter(({ chosen }) => flaws.has(chosen.imageId))).toEqual([]);
      }),
    );
  });
});
