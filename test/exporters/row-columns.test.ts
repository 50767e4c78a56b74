import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { OPTIONAL_COLUMNS, type RowLayout } from "../../src/exporters/row.ts";
import { rowColumns, rowJson, type Feature, type Field, floatText, roundFloat } from "../../src/exporters/row-columns.ts";
import { exportRow, imageCell } from "../contracts/rows.ts";

const FULL: RowLayout = { fields: "full", seedFormat: "number", omitted: [] };

const json = (layout: RowLayout, row = exportRow(1)): string => rowJson(rowColumns(layout), row);

describe("rowJson()", () => {
  test("writes a row as the contract shows it, keys in its order", () => {
    const row = exportRow(1, {
      chosen: imageCell(2, { score: 0.81, scores: '{"pickscore":0.81}' }),
      rejected: [imageCell(3, { score: 0.12 })],
      margin: 0.69,
      references: [{ name: "reference", uri: "s3://b/r.png", sha256: "ab" }],
      meta: '{"Category":"Animals"}',
    });
    const image = (number: number, score: string, scores: string): string =>
      `{"uri":"s3://bucket/prefix/images/000/i_${number}.png","seed":${number},"batch_index":0,"image_id":"i_${number}",` +
      `"sha256":"${String(number).padStart(64, "0")}","width":64,"height":48,"variant":"base","model":"sd15.safetensors",` +
      `"params":"{\\"cfg\\":7}","score":${score},"scores":"${scores}"}`;
    expect(json(FULL, row)).toBe(
      `{"id":"d_00000001","prompt":"a picture of 1","chosen":${image(2, "0.81", '{\\"pickscore\\":0.81}')},` +
        `"rejected":[${image(3, "0.12", '{\\"quality\\":0.5}')}],"prompt_key":"p_1","negative_prompt":"","criterion":"overall",` +
        `"source":"people","margin":0.69,"agreement":1.0,"n_votes":3,"n_candidates":4,` +
        `"references":[{"name":"reference","uri":"s3://b/r.png","sha256":"ab"}],"meta":"{\\"Category\\":\\"Animals\\"}"}`,
    );
  });

  test("has every key in every row, null where there is no value", () => {
    const empty = exportRow(1, { margin: null, agreement: null, chosen: imageCell(1, { score: null }), references: [] });
    const [one, other] = [JSON.parse(json(FULL)), JSON.parse(json(FULL, empty))] as { chosen: object }[];
    expect(Object.keys(other!)).toEqual(Object.keys(one!));
    expect(Object.keys(other!.chosen)).toEqual(Object.keys(one!.chosen));
    expect(other).toMatchObject({ margin: null, agreement: null, chosen: { score: null }, references: [] });
  });

  test("writes floats with a point and integers without", () => {
    const text = json(FULL, exportRow(1, { margin: 1, agreement: 0, nVotes: 10 }));
    expect(text).toContain('"margin":1.0,"agreement":0.0,"n_votes":10,"n_candidates":4');
  });

  test("minimal is exactly prompt, chosen and rejected with uri and seed", () => {
    expect(json({ ...FULL, fields: "minimal" })).toBe(
      '{"prompt":"a picture of 1","chosen":{"uri":"s3://bucket/prefix/images/000/i_2.png","seed":2},' +
        '"rejected":[{"uri":"s3://bucket/prefix/images/000/i_3.png","seed":3}]}',
    );
  });

  test.each(OPTIONAL_COLUMNS)("leaves %s out, and nothing else", (column) => {
    const paths = (layout: RowLayout): string[] => leaves(rowColumns(layout));
    const left = paths({ ...FULL, omitted: [column] });
    const isOf = (path: string): boolean => path === column || path.startsWith(`${column}.`);
    expect(left).toEqual(paths(FULL).filter((path) => !isOf(path)));
    expect(left.length).toBeLessThan(paths(FULL).length);
  });

  test.each(["18446744073709551615", "9007199254740993", "0", "-1"])("keeps every digit of seed %s", (seed) => {
    const row = exportRow(1, { chosen: imageCell(1, { seed }) });
    expect(json(FULL, row)).toContain(`"seed":${seed},`);
    expect(json({ ...FULL, seedFormat: "string" }, row)).toContain(`"seed":"${seed}",`);
  });

  test("writes well-formed Unicode on one line", () => {
    const text = json(FULL, exportRow(1, { prompt: 'a "cat"\n\ud800 猫 \u2028', negativePrompt: "\udc00" }));
    expect(text).not.toContain("\n");
    expect(JSON.parse(text)).toMatchObject({ prompt: 'a "cat"\n\ufffd 猫 \u2028', negative_prompt: "\ufffd" });
    expect(text).not.toMatch(/\\ud[89a-f]/i);
  });
});

/** `chosen.score` for the score in `chosen`. */
function leaves(fields: readonly Field[], prefix = ""): string[] {
  const inner = (feature: Feature): readonly Field[] | null =>
    "struct" in feature ? feature.struct : "list" in feature ? feature.list : null;
  return fields.flatMap(({ name, feature }) => {
    const nested = inner(feature);
    return nested === null ? [`${prefix}${name}`] : leaves(nested, `${prefix}${name}.`);
  });
}

describe("floatText()", () => {
  test.each([
    [1, "1.0"],
    [0, "0.0"],
    [-0, "0.0"],
    [-3, "-3.0"],
    [0.81, "0.81"],
    [1e-7, "1.0e-7"],
    [1.5e-7, "1.5e-7"],
    [0.000001, "0.000001"],
    [1e21, "1.0e+21"],
    [100_000_000, "100000000.0"],
  ])("writes %d as %s", (value, text) => {
    expect(floatText(value)).toBe(text);
  });

  test("is JSON that reads back exactly, always with a point", () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const text = floatText(value);
        expect(text).toContain(".");
        expect(JSON.parse(text)).toBe(value + 0);
      }),
    );
  });
});

describe("roundFloat()", () => {
  test.each([
    [0.1234564, 0.123456],
    [0.1234566, 0.123457],
    [0.8 - 0.2, 0.6],
    [1e-7, 0],
    [-1e-7, 0],
    [-0, 0],
    [Number.NaN, null],
    [Infinity, null],
    [-Infinity, null],
    [null, null],
    [1.7e308, 1.7e308],
  ])("makes %d %d", (value, rounded) => {
    expect(roundFloat(value)).toBe(rounded); // toBe tells −0 from 0.
  });

  test("is what toFixed() says, however near to a half", () => {
    const exact = (value: number): number => Number(value.toFixed(6)) + 0;
    const nearHalf = fc
      .tuple(fc.integer({ min: -(2 ** 42), max: 2 ** 42 }), fc.double({ min: 0.4989, max: 0.5011, noNaN: true }))
      .map(([whole, part]) => (whole + part) / 1e6);
    fc.assert(
      fc.property(
        fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.double({ min: -2, max: 2, noNaN: true }), nearHalf),
        (value) => {
          expect(roundFloat(value)).toBe(exact(value));
        },
      ),
      { numRuns: 20_000 },
    );
  });

  test("rounds once: what is rounded stays as it is", () => {
    fc.assert(
      fc.property(fc.double(), (value) => {
        const once = roundFloat(value);
        expect(roundFloat(once)).toBe(once);
        expect(Object.is(once, -0)).toBe(false);
      }),
    );
  });
});
