import { describe, expect, it } from "vitest";
import type { Combination } from "../../../../src/stages/annotate/link/group-facts.ts";
import { chooseSources, findTechnicalSources } from "../../../../src/stages/annotate/link/link-rules.ts";

const judges = [
  { name: "quality", technical: true },
  { name: "pickscore", technical: false },
];
const technical = new Set(["quality"]);
const combined = (...names: readonly string[]): Combination => ({
  method: "rank-mean",
  judges: names.map((judge) => ({ judge, weight: 1 })),
});

describe("chooseSources()", () => {
  it("lets a technical judge link only if it is the only source", () => {
    expect(chooseSources({ from: ["people", "quality"], technical, anyVote: false })).toEqual(["people", "quality"]);
    expect(chooseSources({ from: ["people", "quality"], technical, anyVote: true })).toEqual(["people"]);
    expect(chooseSources({ from: ["pickscore", "quality"], technical, anyVote: false })).toEqual(["pickscore"]);
    expect(chooseSources({ from: ["quality"], technical, anyVote: true })).toEqual(["quality"]);
  });

  it("keeps the order of the others", () => {
    expect(chooseSources({ from: ["people", "pickscore", "quality"], technical, anyVote: false })).toEqual(["people", "pickscore"]);
  });
});

describe("findTechnicalSources()", () => {
  it("includes a combination of only technical judges", () => {
    expect([...findTechnicalSources(judges, combined("quality"))]).toEqual(["quality", "combined"]);
    expect([...findTechnicalSources(judges, combined("quality", "pickscore"))]).toEqual(["quality"]);
    expect([...findTechnicalSources(judges, combined())]).toEqual(["quality"]);
  });
});
