import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  DERIVED_SEED_MAX,
  SEED_MAX,
  adoptedCandidateOf,
  adoptedImageIdOf,
  candidateOf,
  derivedSeeds,
  filenamePrefixOf,
  imageIdOf,
  promptIdOf,
  promptKeyOf,
  exportedVoteIdOf,
  pseudonymOf,
  rankingIdOf,
  rowIdOf,
  tieIdOf,
  storeKeyOf,
  referenceKeyOf,
  uploadedNameOf,
  workflowSha256Of,
} from "../src/identity.ts";

// The values pinned here are in users' databases, file names and exports: a change makes every dataset a different one.

const prompt = { text: "a red fox", negative: "", references: {}, bound: {} };
const key = "p_" + "0".repeat(32);

describe("promptKeyOf()", () => {
  it("is pinned", () => {
    expect(promptKeyOf(prompt)).toMatchInlineSnapshot(`"p_3caf5e101d8b0d3c2fdfa6baa41df56b"`);
  });

  it("takes text in NFC: composed and decomposed letters are one prompt", () => {
    expect(promptKeyOf({ ...prompt, text: "cafe\u0301" })).toBe(promptKeyOf({ ...prompt, text: "caf\u00e9" }));
  });

  it("tells negatives, references and bound values apart", () => {
    const keys = [
      prompt,
      { ...prompt, negative: "blurry" },
      { ...prompt, references: { reference: "ab" } },
      { ...prompt, bound: { width: 512 } },
      { ...prompt, bound: { width: "512" } },
    ].map(promptKeyOf);
    expect(new Set(keys).size).toBe(keys.length);
  });
});

describe("candidateOf()", () => {
  it("is pinned, with a seed of 64 bits", () => {
    const candidate = candidateOf({ promptKey: key, variant: "base", workflowSha256: "0".repeat(64), seed: 18446744073709551615n });
    expect(candidate).toMatchInlineSnapshot(`"285ccd4f5b1a6ef2350478e218ee54f0"`);
  });

  it("tells seeds apart that a double cannot", () => {
    const of = (seed: bigint) => candidateOf({ promptKey: key, variant: "base", workflowSha256: "", seed });
    expect(of(9007199254740993n)).not.toBe(of(9007199254740992n));
  });
});

describe("derivedSeeds()", () => {
  it("is pinned", () => {
    expect(derivedSeeds(7n, key, { count: 4 }).map(String)).toMatchInlineSnapshot(`
      [
        "3259512692",
        "719739504",
        "3626182291",
        "974036350",
      ]
    `);
  });

  it("gives distinct seeds below 2^32, and more of them without changing the first", () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
        fc.integer({ min: 1, max: 64 }),
        fc.integer({ min: 0, max: 64 }),
        (base, count, more) => {
          const seeds = derivedSeeds(base, key, { count });
          expect(new Set(seeds).size).toBe(count);
          expect(seeds.every((seed) => seed >= 0n && seed < 2n ** 32n)).toBe(true);
          expect(derivedSeeds(base, key, { count: count + more }).slice(0, count)).toEqual(seeds);
        },
      ),
    );
  });

  it("stays below a largest seed, keeps each seed that fits, and ends where every seed is taken", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 2 ** 33 }),
        fc.integer({ min: 1, max: 40 }),
        fc.bigInt({ min: 0n, max: 99n }),
        (max, wanted, base) => {
          const count = Math.min(wanted, max + 1);
          const seeds = derivedSeeds(base, key, { count, max });
          expect(new Set(seeds).size).toBe(count);
          expect(seeds.every((seed) => seed >= 0n && seed <= BigInt(max))).toBe(true);
          expect(derivedSeeds(base, key, { count: 1, max })[0]).toBe(seeds[0]);
          const unbound = derivedSeeds(base, key, { count });
          // Only another index that came to the same seed could have moved one that fits.
          const kept = unbound.map((seed, index) => (seed <= BigInt(max) ? seed : seeds[index]));
          expect(max >= 2 ** 31 - 1 ? kept : seeds).toEqual(seeds);
        },
      ),
    );
    expect(new Set(derivedSeeds(7n, key, { count: 9, max: 8 }))).toEqual(new Set([0n, 1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n]));
  });

  it("hashes the digest again where a seed is taken or too large, for ever in the same way", () => {
    // Worked out with Python's hashlib: another way of finding the next seed would make other images of the same prompt.
    expect(derivedSeeds(7n, "p_1", { count: 6, max: 5 })).toEqual([2n, 1n, 3n, 4n, 0n, 5n]);
  });

  it("is pinned below a largest seed: 31 bits of the same digests", () => {
    expect(derivedSeeds(7n, key, { count: 4, max: 2 ** 31 - 1 })).toEqual([
      3259512692n - 2n ** 31n,
      719739504n,
      3626182291n - 2n ** 31n,
      974036350n,
    ]);
  });
});

describe("promptIdOf()", () => {
  it("is a canonical UUID of version 5, another for each attempt", () => {
    const first = promptIdOf("f47ac10b-58cc-4372-a567-0e02b2c3d479", "c".repeat(32), 1);
    expect(first).toMatchInlineSnapshot(`"2159fdf8-86b4-524a-b17f-34e62d2169df"`);
    expect(first).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(promptIdOf("f47ac10b-58cc-4372-a567-0e02b2c3d479", "c".repeat(32), 2)).not.toBe(first);
  });

  it("agrees with the RFC's algorithm on its namespace", () => {
    // uuid.uuid5(uuid.NAMESPACE_DNS, "www.example.com|1") of Python 3.11
    expect(promptIdOf("6ba7b810-9dad-11d1-80b4-00c04fd430c8", "www.example.com", 1)).toBe("86554ffb-26a3-556a-aa9f-0ca78f184961");
  });
});

describe("names made from identities", () => {
  it("are pinned", () => {
    const candidate = `abc${"0".repeat(29)}`;
    const image = imageIdOf(candidate, { nodeId: "7", batchIndex: 0, generation: 0 });
    expect(image).toMatchInlineSnapshot(`"i_3fb5f824fe9945d7d9b6b77f70edf54e"`);
    expect(imageIdOf(candidate, { nodeId: "7", batchIndex: 0, generation: 1 })).toMatchInlineSnapshot(
      `"i_8e8184f76b2fa313b21d349233f0fa38"`,
    );
    expect(storeKeyOf(image, "png")).toBe(`images/${image.slice(2, 5)}/${image}.png`);
    expect(filenamePrefixOf("parti-sd15", "abc" + "0".repeat(29))).toBe(`parti-sd15/abc/abc${"0".repeat(29)}`);
  });

  it("rowIdOf() does not depend on the order of the rejected images", () => {
    expect(rowIdOf(key, "overall", "i_a", ["i_b", "i_c"])).toBe(rowIdOf(key, "overall", "i_a", ["i_c", "i_b"]));
    expect(rowIdOf(key, "overall", "i_a", ["i_b"])).not.toBe(rowIdOf(key, "overall", "i_b", ["i_a"]));
  });
});

describe("tables beside the rows", () => {
  it("rankings and ties do not depend on the order of their images, and are no rows", () => {
    expect(rankingIdOf(key, "overall", ["i_a", "i_b"])).toBe(rankingIdOf(key, "overall", ["i_b", "i_a"]));
    expect(tieIdOf(key, "overall", ["i_a", "i_b"])).toBe(tieIdOf(key, "overall", ["i_b", "i_a"]));
    expect(rankingIdOf(key, "overall", ["i_a", "i_b"])).toMatchInlineSnapshot(`"r_a6cd13853b4a991cdf845f0b611541c8"`);
    expect(tieIdOf(key, "overall", ["i_a", "i_b"])).toMatchInlineSnapshot(`"t_22bff9f9aef911092c003aa5d4e5c781"`);
  });

  it("people and votes are other ones in every dataset, and pinned", () => {
    expect(pseudonymOf("one", "zoe")).not.toBe(pseudonymOf("two", "zoe"));
    expect(exportedVoteIdOf("one", "zoe").slice(2)).not.toBe(pseudonymOf("one", "zoe").slice(2));
    expect(pseudonymOf("one", "zoe")).toMatchInlineSnapshot(`"a_b96c61b773a7f78c1a3b21cd575c891c"`);
    expect(exportedVoteIdOf("one", "zoe")).toMatchInlineSnapshot(`"v_d6f7c24a5a74437eede001de83af24d0"`);
  });
});

describe("adopted images", () => {
  it("are a file under a prompt, and pinned", () => {
    const candidate = adoptedCandidateOf({ promptKey: key, sha256: "ab" });
    expect(candidate).toMatchInlineSnapshot(`"e6b33d52ec6703593c1683d93d2a7092"`);
    expect(adoptedImageIdOf(candidate)).toMatchInlineSnapshot(`"i_6f17fd475261739b7971f63cb87c96c7"`);
    expect(adoptedCandidateOf({ promptKey: key, sha256: "cd" })).not.toBe(candidate);
  });
});

describe("the bounds of seeds", () => {
  it("are ComfyUI's largest, and 32 bits for derived ones", () => {
    expect(SEED_MAX).toBe(18446744073709551615n);
    expect(DERIVED_SEED_MAX).toBe(4294967295);
  });
});

describe("names of reference images", () => {
  const sha256 = "abcdef" + "0".repeat(58);

  it("are pinned, at servers and in the store", () => {
    expect(uploadedNameOf(sha256, "png")).toBe(`comfy-dpo/${sha256}.png`);
    expect(referenceKeyOf(sha256, "png")).toBe(`references/abc/${sha256}.png`);
  });
});

describe("workflowSha256Of()", () => {
  it("is the SHA-256 of the text in UTF-8", () => {
    expect(workflowSha256Of("é")).toBe("4a99557e4033c3539de2eb65472017cad5f9557f7a0625a09f1c3f6e2ba69c4c");
  });
});
