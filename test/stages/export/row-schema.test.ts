import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, test } from "vitest";
import { readVersion } from "./exported.ts";
import { openFixture } from "./fixture-database.ts";

const EXPORTS = [
  {},
  { fields: "minimal" },
  { seed_format: "string" },
  { splits: { train: 1, validation: 1, test: 1 } },
  { uri_base: "https://data.example/set" },
];

async function exported(section: object) {
  await using fixture = await openFixture();
  fixture.addRow({ prompt: "a cat", agreement: 0.5, nVotes: 2, source: "people", references: { pose: "a pose" } });
  fixture.addRow({ prompt: "a dog", scores: [null, null], margin: 0.25 });
  fixture.addRow({ prompt: "a\u2028 \ud800cow", scores: [3, 2.5, -1e-7], meta: { n: 1 } });
  await fixture.export(section);
  const version = await readVersion(fixture);
  const schema = version.json("schema/default.schema.json") as object;
  const rows = ["train", "validation", "test"].flatMap((split) => version.rows(split));
  return { validate: new Ajv2020({ strict: true, allowUnionTypes: true, allErrors: true }).compile(schema), rows };
}

describe("schema/default.schema.json", () => {
  test.each(EXPORTS)("takes every row of an export under %j", async (section) => {
    const { validate, rows } = await exported(section);
    expect(rows).toHaveLength(3);
    for (const row of rows) expect(validate(row), JSON.stringify(validate.errors)).toBe(true);
  });

  test("refuses what no row may be", async () => {
    const { validate, rows } = await exported({});
    const row = rows.find(({ prompt }) => prompt === "a cat")!;
    const { prompt: _, ...without } = row;
    const bad = [
      without,
      { ...row, extra: 1 },
      { ...row, rejected: [] },
      { ...row, chosen: { ...row.chosen, seed: "7" } },
      { ...row, chosen: { ...row.chosen, seed: 1.5 } },
      { ...row, chosen: { ...row.chosen, sha256: "0" } },
      { ...row, agreement: 1.5 },
      { ...row, id: "d_1" },
    ];
    for (const value of bad) expect(validate(value), JSON.stringify(value)).toBe(false);
  });
});
