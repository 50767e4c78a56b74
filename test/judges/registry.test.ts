import { describe, expect, it } from "vitest";
import { ConfigError } from "../../src/errors.ts";
import { openJudges } from "../../src/judges/registry.ts";

describe("openJudges()", () => {
  it("makes the configured judges in their order", () => {
    const judges = openJudges([
      { name: "second", kind: "builtin" },
      { name: "first", kind: "builtin" },
    ]);
    expect(judges.map(({ name }) => name)).toEqual(["second", "first"]);
  });

  it("refuses two of one name and the names of other sources", () => {
    expect(() =>
      openJudges([
        { name: "q", kind: "builtin" },
        { name: "q", kind: "builtin" },
      ]),
    ).toThrow(ConfigError);
    expect(() => openJudges([{ name: "people", kind: "builtin" }])).toThrow(/a source of pairs/);
  });
});
