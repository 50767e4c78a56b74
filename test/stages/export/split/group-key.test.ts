import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { groupKeyOf } from "../../../../src/stages/export/split/group-key.ts";

describe("groupKeyOf()", () => {
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
    expect(groupKeyOf(prompt)).toBe(key);
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
    expect(groupKeyOf(second)).toBe(groupKeyOf(first));
  });

  test.each([
    ["a cat", "a dog"],
    ["a cat", "cat"],
    ["cats", "cat s"],
  ])("tells %j from %j", (first, second) => {
    expect(groupKeyOf(second)).not.toBe(groupKeyOf(first));
  });

  test("is the same for every order and repetition of the same words, and for broken text", () => {
    const word = fc.stringMatching(/^[a-z0-9]{1,6}$/);
    fc.assert(
      fc.property(fc.array(word, { minLength: 1 }), (words) => {
        expect(groupKeyOf([...words.toReversed(), ...words].join(", "))).toBe(groupKeyOf(words.join(" ")));
      }),
    );
    expect(groupKeyOf("a \ud800 cat")).toBe(groupKeyOf("cat a \ufffd"));
  });
});
