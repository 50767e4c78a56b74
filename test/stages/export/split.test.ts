import { createHash } from "node:crypto";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ConfigError } from "../../../src/errors.ts";
import { computeGroupKey, firstRatios, SPLITS, splitter, foldCase } from "../../../src/stages/export/split.ts";

const DEFAULT = { train: 98, validation: 1, test: 1 };
const THIRDS = { train: 1, validation: 1, test: 1 };

describe("splitter()", () => {
  // Worked out with Python's hashlib and exact integers. Other values would move prompts of existing datasets between splits.
  test.each([
    ["prompt 0", "train"],
    ["prompt 25", "validation"],
    ["prompt 40", "test"],
    ["prompt 54", "test"],
    ["prompt 347", "validation"],
  ])("puts %j into %s, for ever", (prompt, split) => {
    expect(splitter(DEFAULT)(computeGroupKey(prompt))).toBe(split);
  });

  test("follows the ratios in the order train, validation, test", () => {
    const splitOf = splitter(THIRDS);
    const splits = Array.from({ length: 12 }, (_, index) => splitOf(computeGroupKey(`a picture of ${index}`)));
    const numbersIn = (split: string): number[] => splits.flatMap((own, index) => (own === split ? [index] : []));
    expect(SPLITS.map(numbersIn)).toEqual([
      [1, 8, 9],
      [2, 4, 5],
      [0, 3, 6, 7, 10, 11],
    ]);
  });

  test("never moves a prompt because of other prompts", () => {
    const prompt = fc.string({ unit: "binary" });
    fc.assert(
      fc.property(prompt, fc.array(prompt), fc.array(prompt), (own, before, after) => {
        const alone = splitter(THIRDS)(computeGroupKey(own));
        const splitOf = splitter(THIRDS);
        const among = [...before, own, ...after].map((text) => splitOf(computeGroupKey(text)));
        expect(among[before.length]).toBe(alone);
      }),
    );
  });

  test("takes ratios of any scale: percents, shares and decimals mean the same", () => {
    const ratios = [DEFAULT, { train: 0.98, validation: 0.01, test: 0.01 }, { train: 9.8e-7, validation: 1e-8, test: 1e-8 }];
    const [first, ...others] = ratios.map(splitter);
    fc.assert(
      fc.property(fc.string(), (prompt) => {
        const key = computeGroupKey(prompt);
        for (const other of others) expect(other(key)).toBe(first!(key));
      }),
    );
  });

  test("compares with the ratios as they are written, exactly, however large or small", () => {
    const ratio = fc.record({ digits: fc.nat(999_999), exponent: fc.integer({ min: -12, max: 25 }) });
    fc.assert(
      fc.property(ratio, ratio, ratio, fc.string(), (train, validation, rest, groupKey) => {
        const exact = [train, validation, rest].map(({ digits, exponent }) => BigInt(digits) * 10n ** BigInt(exponent + 12));
        const sum = exact.reduce((a, b) => a + b, 0n);
        fc.pre(sum > 0n);
        const point = BigInt(`0x${createHash("sha256").update(`split v1${groupKey}`).digest("hex").slice(0, 16)}`) * sum;
        const expected = point < exact[0]! * 2n ** 64n ? "train" : point < (exact[0]! + exact[1]!) * 2n ** 64n ? "validation" : "test";
        const [a, b, c] = [train, validation, rest].map(({ digits, exponent }) => Number(`${digits}e${exponent}`));
        expect(splitter({ train: a!, validation: b!, test: c! })(groupKey)).toBe(expected);
      }),
    );
  });

  test("gives a ratio of 0 nothing and all of the rest to the others", () => {
    const keys = Array.from({ length: 300 }, (_, index) => computeGroupKey(`prompt ${index}`));
    for (const only of SPLITS) {
      const splitOf = splitter({ train: 0, validation: 0, test: 0, [only]: 5 });
      expect(new Set(keys.map(splitOf))).toEqual(new Set([only]));
    }
  });

  test("refuses ratios that sum up to 0", () => {
    expect(() => splitter({ train: 0, validation: 0, test: 0 })).toThrow(ConfigError);
  });
});

describe("firstRatios()", () => {
  test("keeps all in train under 1,000 prompts, and 98 % from there on", () => {
    expect(firstRatios(undefined, 999)).toEqual({ train: 100, validation: 0, test: 0 });
    expect(firstRatios(undefined, 1_000)).toEqual(DEFAULT);
  });

  test("follows what is written at any size", () => {
    expect(firstRatios(THIRDS, 3)).toEqual(THIRDS);
    expect(firstRatios(THIRDS, 5_000)).toEqual(THIRDS);
  });
});

describe("computeGroupKey()", () => {
  // Worked out with Python: str.casefold(), unicodedata.normalize("NFKC"), category P removed, sorted set of words.
  test.each([
    ["a cat", "51e467415607798220a3776f6ae1a2a09ddc7e5dcdc955d685477b4cf05ade22"],
    ["Straße", "16d96952087774fee069b7585d3991b24d90c181c09b2129b4908c35baa7f0c0"],
    ["ΣΊΣΥΦΟΣ", "1c741e06bb2cd1fc019fdc480c5c1adcbcff5e58336d1cdd0cbd0aa710f9182f"],
    ["ﬁne art", "d75ed2f9bde2755b32ec90d7a3ca1ef7547da445fdfda21875c18ac8f3f89b88"],
    ["一只猫", "104242c1007e283c741f74af2c7a977bff9ab99b8726e734836a99f9f67c682f"],
    ["İstanbul", "4a4df120f7d1f3c286f58651abfcec2aade892ace635f96f02b946c96e6e1f86"],
    ["", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
  ])("of %j is what Python computes", (prompt, key) => {
    expect(computeGroupKey(prompt)).toBe(key);
  });

  test.each([
    ["case", "a cat", "A CAT"],
    ["sharp s", "straße", "STRASSE"],
    ["final sigma", "σίσυφος", "ΣΊΣΥΦΟΣ"],
    ["punctuation", "a cat, sleeping!", "“a cat” — sleeping…"],
    ["the order of words", "red cat on a mat", "a mat on red cat"],
    ["repeated words", "a very very old cat", "a very old cat"],
    ["white space", "a cat", "  a\u00a0\t\n cat "],
    ["compatibility forms", "fine art", "ﬁne ａｒｔ"],
    ["composition", "caf\u00e9", "cafe\u0301"],
  ])("does not depend on %s", (_, first, second) => {
    expect(computeGroupKey(second)).toBe(computeGroupKey(first));
  });

  test.each([
    ["a cat", "a dog"],
    ["a cat", "cat"],
    ["cats", "cat s"],
  ])("tells %j from %j", (first, second) => {
    expect(computeGroupKey(second)).not.toBe(computeGroupKey(first));
  });

  test("sorts words by code points, where UTF-16 has another order", () => {
    expect(computeGroupKey("\u{1f600} \ufffd")).toBe(createHash("sha256").update("\ufffd \u{1f600}").digest("hex"));
  });

  test("is the same for every order and repetition of the same words, and for broken text", () => {
    const word = fc.stringMatching(/^[a-z0-9]{1,6}$/);
    fc.assert(
      fc.property(fc.array(word, { minLength: 1 }), (words) => {
        expect(computeGroupKey([...words.toReversed(), ...words].join(", "))).toBe(computeGroupKey(words.join(" ")));
      }),
    );
    expect(computeGroupKey("a \ud800 cat")).toBe(computeGroupKey("cat a \ufffd"));
  });
});

describe("foldCase()", () => {
  // Python's str.casefold().
  test.each([
    ["Straße", "strasse"],
    ["STRAẞE", "strasse"],
    ["ΣΊΣΥΦΟΣ", "σίσυφοσ"],
    ["σίσυφος", "σίσυφοσ"],
    ["ﬁne", "fine"],
    ["İ", "i̇"],
    ["ı", "ı"],
    ["Ꭰꭰ", "ᎠᎠ"],
    ["ᏸ", "Ᏸ"],
    ["ŉ", "ʼn"],
    ["µ", "μ"],
    ["ſ", "s"],
    ["K", "k"], // Kelvin.
    ["一只猫", "一只猫"],
  ])("folds %s to %s", (text, folded) => {
    expect(foldCase(text)).toBe(folded);
  });

  test("of two texts is that of both together, and folding twice changes nothing", () => {
    const letters = fc.string({ unit: fc.constantFrom(..."a B ß ẞ Σ σ ς İ ı Þ þ Ꭰ ꭰ ᏸ ﬁ ŉ K 猫".split(" "), " ") });
    fc.assert(
      fc.property(letters, letters, (first, second) => {
        expect(foldCase(first + second)).toBe(foldCase(first) + foldCase(second));
        expect(foldCase(foldCase(first))).toBe(foldCase(first));
      }),
    );
  });
});
