import { describe, expect, it } from "vitest";
import { createBuiltinJudge, computeTechnicalScore } from "../../src/judges/builtin.ts";
import { judgeContract } from "../contracts/judge.ts";

judgeContract("builtin", () => createBuiltinJudge({ name: "quality" }));

describe("computeTechnicalScore()", () => {
  it("is the geometric mean of focus, contrast and entropy", () => {
    expect(computeTechnicalScore({ sharpness: 8, lumaStd: 64, entropy: 8 })).toBe(Math.round(Math.cbrt(0.5) * 1e6) / 1e6);
    expect(computeTechnicalScore({ sharpness: 8, lumaStd: 32, entropy: 4 })).toBe(0.5);
  });

  it("prefers sharp, contrasty, varied images, and scores blank ones 0", () => {
    const usual = { sharpness: 10, lumaStd: 40, entropy: 7 };
    for (const worse of [{ sharpness: 2 }, { lumaStd: 20 }, { entropy: 4 }])
      expect(computeTechnicalScore({ ...usual, ...worse })).toBeLessThan(computeTechnicalScore(usual));
    expect(computeTechnicalScore({ sharpness: 1020, lumaStd: 1.99, entropy: 8 })).toBe(0);
  });

  it("stays in 0…1", () => {
    expect(computeTechnicalScore({ sharpness: 1020, lumaStd: 127.5, entropy: 8 })).toBeLessThanOrEqual(1);
    expect(computeTechnicalScore({ sharpness: 0, lumaStd: 127.5, entropy: 8 })).toBe(0);
  });

  it("says that it is technical", () => {
    expect(createBuiltinJudge({ name: "quality" }).technical).toBe(true);
  });
});
