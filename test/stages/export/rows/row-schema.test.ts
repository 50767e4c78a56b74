import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, test } from "vitest";
import { readVersion } from "../exported.ts";
import { openFixture } from "../fixture-database.ts";
import { openImageFixture } from "../image-fixture.ts";

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

type Cells = Readonly<Record<string, unknown>>;

/** A key and a value that no row of the table may have there. */
const BROKEN: Readonly<Record<string, readonly Cells[]>> = {
  default: [{ id: "d_1" }, { rejected: [] }, { n_votes: -1 }],
  pairs: [{ label_0: "1.0" }, { chosen_seed: 1.5 }, { width: "64" }, { prompt: null }],
  rankings: [{ image_ids: "i_1" }, { ranking: [1.5] }, { n_votes: null }],
  ties: [{ kind: 1 }, { label_0: "half" }, { n_votes: 0.5 }],
  votes: [{ gold: "no" }, { ranking: ["1"] }, { images: [1] }, { ms: null }],
};

describe("the schema that stands beside a table", () => {
  test.each(Object.keys(BROKEN))("takes every row of %s and refuses broken ones", async (table) => {
    await using fixture = await openImageFixture();
    const [cat, dog, cow] = [
      await fixture.addImaged({ prompt: "a cat", source: "people", scores: [2, 1, 0] }),
      await fixture.addImaged({ prompt: "a dog", source: "people", margin: 0.25, agreement: 1 }),
      await fixture.addImaged({ prompt: "a cow" }),
    ];
    const votes = [
      ["1", cat, "choice", cat.imageIds.map((id) => [id])],
      ["2", dog, "tie", [dog.imageIds]],
      ["3", cow, "both_bad", []],
      ["4", cat, "skip", []],
    ] as const;
    for (const [voteId, { promptKey, imageIds }, kind, ranking] of votes) {
      fixture.addVote({ voteId, promptKey, shown: imageIds, kind, ranking });
    }
    await fixture.export({ tables: ["pairs", "rankings", "ties", "votes"] });
    const version = await readVersion(fixture);
    const folder = table === "default" ? "data" : table;
    const rows = version.paths
      .filter((path) => path.startsWith(`${folder}/`))
      .flatMap((path) => version.text(path).split("\n").slice(0, -1))
      .map((line) => JSON.parse(line) as Cells);
    const schema = version.json(`schema/${table}.schema.json`) as object & { readonly required: readonly string[] };
    const validate = new Ajv2020({ strict: true, allowUnionTypes: true, allErrors: true }).compile(schema);
    expect(rows).not.toEqual([]);
    for (const row of rows) expect(validate(row), JSON.stringify(validate.errors)).toBe(true);
    const [row = {}] = rows;
    const without = schema.required.map((name) => Object.fromEntries(Object.entries(row).filter(([key]) => key !== name)));
    for (const cells of BROKEN[table] ?? []) expect(Object.keys(row), "the row has it").toContain(Object.keys(cells)[0]);
    const broken = [...without, { ...row, extra: 1 }, ...(BROKEN[table] ?? []).map((cells) => ({ ...row, ...cells }))];
    for (const value of broken) expect(validate(value), JSON.stringify(value)).toBe(false);
  });
});
