import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ConfigError } from "../../../../src/errors.ts";
import { groupKeyOf } from "../../../../src/stages/export/split/group-key.ts";
import { firstRatios, SPLITS, splitter } from "../../../../src/stages/export/split/split.ts";

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
    expect(splitter(DEFAULT)(groupKeyOf(prompt))).toBe(split);
  });

  test("follows the ratios in the order train, validation, test", () => {
    const splitOf = splitter(THIRDS);
    const splits = Array.from({ length: 12 }, (_, index) => splitOf(groupKeyOf(`a picture of ${index}`)));
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
        const alone = splitter(THIRDS)(groupKeyOf(own));
        const splitOf = splitter(THIRDS);
        const among = [...before, own, ...after].map((text) => splitOf(groupKeyOf(text)));
        expect(among[before.length]).toBe(alone);
      }),
    );
  });

  test("takes ratios of any scale: percents, shares and decimals mean the same", () => {
    const ratios = [DEFAULT, { train: 0.98, validation: 0.01, test: 0.01 }, { train: 9.8e-7, validation: 1e-8, test: 1e-8 }];
    const [first, ...others] = ratios.map(splitter);
    fc.assert(
      fc.property(fc.string(), (prompt) => {
        const key = groupKeyOf(prompt);
        for (const other of others) expect(other(key)).toBe(first!(key));
      }),
    );
  });

  test("gives a ratio of 0 nothing and all of the rest to the others", () => {
    const keys = Array.from({ length: 300 }, (_, index) => groupKeyOf(`prompt ${index}`));
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
