import { describe, expect, it } from "vitest";
import { FLAG_KEYS, toggleFlag } from "../../../src/page/web/flags.ts";

describe("toggleFlag", () => {
  it("sets, adds and clears, and keeps no empty list", () => {
    const one = toggleFlag({}, "a", "nsfw");
    expect(one).toEqual({ a: ["nsfw"] });
    expect(toggleFlag(one, "a", "text")).toEqual({ a: ["nsfw", "text"] });
    expect(toggleFlag(one, "a", "nsfw")).toEqual({});
  });

  it("has a key of its own for each flag", () => {
    expect(new Set(FLAG_KEYS.map(([, key]) => key)).size).toBe(FLAG_KEYS.length);
  });
});
