import { describe, expect, it } from "vitest";
import { sourcesOf } from "../../../src/stages/pairs/sources.ts";

const judges = [
  { name: "quality", technical: true },
  { name: "pickscore", technical: false },
];

describe("sourcesOf()", () => {
  it("lets a technical judge link only where it is the only source there is", () => {
    expect(sourcesOf({ from: ["people", "quality"], judges, anyVote: false })).toEqual(["people", "quality"]);
    expect(sourcesOf({ from: ["people", "quality"], judges, anyVote: true })).toEqual(["people"]);
    expect(sourcesOf({ from: ["pickscore", "quality"], judges, anyVote: false })).toEqual(["pickscore"]);
    expect(sourcesOf({ from: ["quality"], judges, anyVote: true })).toEqual(["quality"]);
  });

  it("keeps the order of the others", () => {
    expect(sourcesOf({ from: ["people", "pickscore", "quality"], judges, anyVote: false })).toEqual(["people", "pickscore"]);
  });
});
