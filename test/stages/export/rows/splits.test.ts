import { describe, expect, test } from "vitest";
import { ConfigError } from "../../../../src/errors.ts";
import { readVersion } from "../exported.ts";
import { openFixture, type Fixture } from "../fixture-database.ts";

const THIRDS = { train: 1, validation: 1, test: 1 };
/** Prompts by the split that their group key puts them into at equal thirds. */
const TRAIN = "a picture of 1";
const VALIDATION = "a picture of 2";
const TEST = "a picture of 0";

/** Prompts without images, as many as a dataset needs for splits of its own. */
function addPrompts({ db }: Fixture, count: number): void {
  const insert = db.client.prepare("insert into prompts (prompt_key, position, prompt, sent) values (?, ?, '', '')");
  db.client.transaction(() => {
    for (let index = 0; index < count; index++) insert.run(`p_bare${index}`, 100_000 + index);
  })();
}

const promptsOf = async (fixture: Fixture, version = "v1") => {
  const { rows } = await readVersion(fixture, version);
  return Object.fromEntries(["train", "validation", "test"].map((split) => [split, rows(split).map(({ prompt }) => prompt)]));
};

describe("splits of an export", () => {
  test("go by the prompt, written out at any size", async () => {
    await using fixture = await openFixture();
    for (const prompt of [TRAIN, VALIDATION, TEST]) fixture.addRow({ prompt });
    const report = await fixture.export({ splits: THIRDS });
    expect(report.splits).toEqual({ train: 1, validation: 1, test: 1 });
    expect(await promptsOf(fixture)).toEqual({ train: [TRAIN], validation: [VALIDATION], test: [TEST] });
  });

  test("keep prompts together that differ only in case, punctuation or the order of words", async () => {
    await using fixture = await openFixture();
    const alike = ["a picture of 0", "A Picture of 0!", "0, of a picture"];
    for (const prompt of [...alike, TRAIN]) fixture.addRow({ prompt });
    await fixture.export({ splits: THIRDS });
    const { test: own, train } = await promptsOf(fixture);
    expect(new Set(own)).toEqual(new Set(alike));
    expect(train).toEqual([TRAIN]);
  });

  test("without rows are neither written nor listed", async () => {
    await using fixture = await openFixture();
    fixture.addRow({ prompt: TEST });
    await fixture.export({ splits: THIRDS });
    const { paths, text, json } = await readVersion(fixture);
    expect(paths.filter((path) => path.startsWith("data/"))).toEqual(["data/test-00000-of-00001.jsonl"]);
    expect(text("README.md")).not.toMatch(/split: (?:train|validation)/);
    expect(json("manifest.json")).toMatchObject({ counts: { splits: { test: 1 } } });
  });

  // "prompt 25" is in validation and "prompt 40" in test at 98 : 1 : 1.
  test.each([
    [999, { train: 3 }],
    [1_000, { train: 1, validation: 1, test: 1 }],
  ])("of %i prompts are %j unless written", async (count, splits) => {
    await using fixture = await openFixture();
    for (const number of [0, 25, 40]) fixture.addRow({ prompt: `prompt ${number}` });
    addPrompts(fixture, count - 3);
    expect((await fixture.export()).splits).toEqual(splits);
  });

  test("are decided once: neither more prompts nor other ratios move a row", async () => {
    await using fixture = await openFixture();
    fixture.addRow({ prompt: "prompt 25" });
    await fixture.export();
    addPrompts(fixture, 1_500);
    fixture.addRow({ prompt: "prompt 40" });
    expect((await fixture.export()).splits).toEqual({ train: 2 });
    expect(fixture.messages.join("\n")).not.toContain("not followed");
    expect((await fixture.export({ splits: THIRDS })).splits).toEqual({ train: 2 });
    expect(fixture.messages.join("\n")).toContain("export.splits is not followed");
  });

  test("are not decided by a trial of the first prompts", async () => {
    await using fixture = await openFixture();
    for (const number of [0, 25, 40]) fixture.addRow({ prompt: `prompt ${number}` });
    fixture.db.client.prepare("update dataset set plan_partial = 1").run();
    expect((await fixture.export()).splits).toEqual({ train: 3 });
    expect(fixture.messages.join("\n")).toContain("All rows of this trial go to train");
    addPrompts(fixture, 1_000);
    fixture.db.client.prepare("update dataset set plan_partial = 0").run();
    expect((await fixture.export()).splits).toEqual({ train: 1, validation: 1, test: 1 });
  });

  test("that sum up to 0 are refused", async () => {
    await using fixture = await openFixture();
    fixture.addRow({ prompt: TRAIN });
    await expect(fixture.export({ splits: { train: 0 } })).rejects.toBeInstanceOf(ConfigError);
    expect((await fixture.export()).outcome).toBe("created"); // Nothing was decided by the refused one.
  });
});

describe("an image that two splits would show", () => {
  test("stays in the earlier; the row of the later is dropped and counted", async () => {
    await using fixture = await openFixture();
    fixture.addRow({ prompt: TEST, contents: ["same", "a"] });
    fixture.addRow({ prompt: VALIDATION, contents: ["b", "same"] });
    fixture.addRow({ prompt: "a picture of 4", contents: ["c", "d"] }); // In validation, too.
    const report = await fixture.export({ splits: THIRDS });
    expect(report).toMatchObject({ rows: 2, drops: { "row:image-in-two-splits": 1 } });
    expect(await promptsOf(fixture)).toMatchObject({ validation: expect.arrayContaining([VALIDATION, "a picture of 4"]), test: [] });
    const { json, text } = await readVersion(fixture);
    expect(json("manifest.json")).toMatchObject({
      drops: { row: { "image-in-two-splits": 1 } },
      counts: { rows: 2, prompts: 2, images: 4 },
    });
    expect(text("images.csv").trim().split("\n")).toHaveLength(5);
  });

  test("is kept by train before all others", async () => {
    await using fixture = await openFixture();
    for (const prompt of [TEST, VALIDATION, TRAIN]) fixture.addRow({ prompt, contents: ["same", prompt] });
    const report = await fixture.export({ splits: THIRDS });
    expect(report).toMatchObject({ rows: 1, splits: { train: 1 }, drops: { "row:image-in-two-splits": 2 } });
  });

  test("counts only where a row keeps it: a row that was dropped itself drops no other", async () => {
    await using fixture = await openFixture();
    fixture.addRow({ prompt: TRAIN, contents: ["one", "a"] });
    fixture.addRow({ prompt: VALIDATION, contents: ["one", "two"] });
    fixture.addRow({ prompt: TEST, contents: ["two", "b"] });
    expect(await fixture.export({ splits: THIRDS })).toMatchObject({ splits: { train: 1, test: 1 } });
  });

  test("drops nothing where both rows are in one split", async () => {
    await using fixture = await openFixture();
    for (const index of [1, 8, 9]) fixture.addRow({ prompt: `a picture of ${index}`, contents: ["same", String(index)] });
    expect(await fixture.export({ splits: THIRDS })).toMatchObject({ splits: { train: 3 }, drops: {} });
  });
});

test("a row with an image that is no longer stored is dropped and counted", async () => {
  await using fixture = await openFixture();
  fixture.addRow({ prompt: "a cat" });
  fixture.addRow({ prompt: "a dog", state: "excluded" });
  expect(await fixture.export()).toMatchObject({ rows: 1, drops: { "row:image-not-stored": 1 } });
  expect((await readVersion(fixture)).rows().map(({ prompt }) => prompt)).toEqual(["a cat"]);
});
