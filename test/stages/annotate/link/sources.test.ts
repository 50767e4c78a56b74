import { describe, expect, it } from "vitest";
import type { Combination } from "../../../../src/stages/annotate/link/group-facts.ts";
import { sourcesOf, technicalSources } from "../../../../src/stages/annotate/link/sources.ts";

const judges = [
  { name: "quality", technical: true },
  { name: "pickscore", technical: false },
];
const technical = new Set(["quality"]);
const combined = (...names: readonly string[]): Combination => ({
  method: "rank-mean",
  judges: names.map((judge) => ({ judge, weight: 1 })),
});

describe("sourcesOf()", () => {
  it("lets a technical judge link only where it is the only source there is", () => {
    expect(sourcesOf({ from: ["people", "quality"], technical, anyVote: false })).toEqual(["people", "quality"]);
    expect(sourcesOf({ from: ["people", "quality"], technical, anyVote: true })).toEqual(["people"]);
    expect(sourcesOf({ from: ["pickscore", "quality"], technical, anyVote: false })).toEqual(["pickscore"]);
    expect(sourcesOf({ from: ["quality"], technical, anyVote: true })).toEqual(["quality"]);
  });

  it("keeps the order of the others", () => {
    expect(sourcesOf({ from: ["people", "pickscore", "quality"], technical, anyVote: false })).toEqual(["people", "pickscore"]);
  });
});

describe("technicalSources()", () => {
  it("counts a combination of technical judges alone among them", () => {
    expect([...technicalSources(judges, combined("quality"))]).toEqual(["quality", "combined"]);
    expect([...technicalSources(judges, combined("quality", "pickscore"))]).toEqual(["quality"]);
    expect([...technicalSources(judges, combined())]).toEqual(["quality"]);
  });
});
