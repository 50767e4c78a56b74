import { describe, expect, test } from "vitest";
import { freeMemory } from "../../src/lib/free-memory.ts";

describe("freeMemory()", () => {
  test("empties bytes that have their memory alone, once and again", () => {
    const bytes = Buffer.allocUnsafeSlow(100_000);
    freeMemory(bytes);
    freeMemory(bytes);
    expect(bytes.length).toBe(0);
  });

  test("leaves memory in which others may have bytes", () => {
    const whole = new Uint8Array(10).fill(7);
    freeMemory(whole.subarray(0, 9));
    expect([...whole]).toEqual(Array.from({ length: 10 }, () => 7));
    const pooled = Buffer.from("a");
    freeMemory(pooled);
    expect(String(pooled)).toBe("a");
  });
});
