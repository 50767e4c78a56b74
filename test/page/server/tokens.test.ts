import { describe, expect, it } from "vitest";
import { isSameText, leadTokenOf, newTaskId, newToken, slotOf, tokenSha256Of } from "../../../src/page/server/tokens.ts";

const secret = Buffer.alloc(32, 7);
const place = { taskId: "t", annotatorId: 1, name: "i_a" };

describe("tokens", () => {
  it("are long, fit an address bar, and never come twice", () => {
    const tokens = Array.from({ length: 1_000 }, newToken);
    expect(new Set(tokens).size).toBe(1_000);
    expect(tokens.every((token) => /^[\w-]{43}$/.test(token))).toBe(true);
    expect(newTaskId()).toMatch(/^[\w-]{22}$/);
  });

  it("are known to the database by their hash alone", () => {
    expect(tokenSha256Of("abc")).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  });

  it("give the lead the same link as long as the secret lives", () => {
    expect(leadTokenOf(secret)).toBe(leadTokenOf(Buffer.alloc(32, 7)));
    expect(leadTokenOf(secret)).not.toBe(leadTokenOf(Buffer.alloc(32, 8)));
    expect(leadTokenOf(secret)).toMatch(/^[\w-]{43}$/);
  });
});

describe("slotOf()", () => {
  it("calls an image otherwise in every task, for every person and under every secret", () => {
    const others = [
      slotOf(secret, place),
      slotOf(secret, { ...place, taskId: "u" }),
      slotOf(secret, { ...place, annotatorId: 2 }),
      slotOf(secret, { ...place, name: "i_b" }),
      slotOf(Buffer.alloc(32, 8), place),
    ];
    expect(new Set(others).size).toBe(others.length);
    expect(slotOf(secret, place)).toBe(others[0]);
    expect(others.every((slot) => /^[\w-]{22}$/.test(slot))).toBe(true);
  });
});

describe("isSameText()", () => {
  it("compares texts of any length", () => {
    expect(isSameText("abc", "abc")).toBe(true);
    expect(isSameText("abc", "abd")).toBe(false);
    expect(isSameText("abc", "abcd")).toBe(false);
  });
});
