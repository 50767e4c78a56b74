import { createHash } from "node:crypto";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hexSet } from "../../src/lib/hex-set.ts";

const hex = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 32);

describe("hexSet()", () => {
  it("tells a key that is there from a new one, as a Set does, while it grows", () => {
    const set = hexSet();
    const keys = Array.from({ length: 10_000 }, (_, index) => hex(`key ${index}`));
    expect(keys.every((key) => set.add(key))).toBe(true);
    expect(keys.some((key) => set.add(key))).toBe(false);
    expect(set.size).toBe(10_000);
  });

  it("tells keys apart that start with the same word, and takes the one of zeros once", () => {
    fc.assert(
      fc.property(fc.array(fc.stringMatching(/^0{8}[0-2]{4}0{20}$/), { maxLength: 200 }), (keys) => {
        const set = hexSet();
        const known = new Set<string>();
        for (const key of keys) {
          expect(set.add(key)).toBe(!known.has(key));
          known.add(key);
        }
        expect(set.size).toBe(known.size);
      }),
    );
  });

  it("refuses what is no key", () => {
    expect(() => hexSet().add("p_00")).toThrow(RangeError);
  });
});
