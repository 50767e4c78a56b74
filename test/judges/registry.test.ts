import { describe, expect, it } from "vitest";
import { openJudges } from "../../src/judges/registry.ts";

describe("openJudges()", () => {
  it("creates the configured judges in their order", () => {
    const judges = openJudges([
      { name: "second", kind: "builtin" },
      { name: "first", kind: "builtin" },
    ]);
    expect(judges.map(({ name }) => name)).toEqual(["second", "first"]);
  });
});
