import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Field } from "../../src/exporters/row-columns.ts";
import { tableRowJson, parseTableRow } from "../../src/exporters/table-row.ts";

const FIELDS: readonly Field[] = [
  { name: "text", feature: { dtype: "string" } },
  { name: "whole", feature: { dtype: "int64" } },
  { name: "seed", feature: { dtype: "int64" } },
  { name: "large", feature: { dtype: "uint64" } },
  { name: "float", feature: { dtype: "float64" } },
  { name: "flag", feature: { dtype: "bool" } },
  { name: "floats", feature: { items: { dtype: "float64" } } },
];

describe("tableRowJson()", () => {
  test("writes every column in order, floats with a point, seeds with every digit", () => {
    const row = {
      flag: true,
      floats: [1, 0.5],
      float: 1,
      large: "18446744073709551615",
      seed: "9007199254740993",
      whole: 3,
      text: "a\ud800",
    };
    expect(tableRowJson(FIELDS, row)).toBe(
      '{"text":"a\ufffd","whole":3,"seed":9007199254740993,"large":"18446744073709551615","float":1.0,"flag":true,"floats":[1.0,0.5]}',
    );
  });

  test("writes null for what is missing", () => {
    expect(tableRowJson([{ name: "margin", feature: { dtype: "float64" } }], {})).toBe('{"margin":null}');
  });

  test("reads back as what writes the same line again", () => {
    const float = fc.double({ noNaN: true, noDefaultInfinity: true });
    const row = fc.record({
      text: fc.string({ unit: "binary" }),
      whole: fc.maxSafeInteger(),
      seed: fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }).map(String),
      large: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(String),
      float,
      flag: fc.boolean(),
      floats: fc.array(float),
    });
    fc.assert(
      fc.property(row, (cells) => {
        const line = tableRowJson(FIELDS, cells);
        expect(line).not.toContain("\n");
        expect(tableRowJson(FIELDS, parseTableRow(line))).toBe(line);
      }),
    );
  });
});
