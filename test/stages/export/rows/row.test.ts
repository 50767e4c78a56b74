import { describe, expect, test } from "vitest";
import { ConfigError } from "../../../../src/errors.ts";
import { ownId, readVersion } from "../exported.ts";
import { openFixture, STORE_URI } from "../fixture-database.ts";

const LEFT_BEHIND = /prompt_id|server|attempt|127\.0\.0\.1|created|stored_at|position/;
const ROW_KEYS =
  "id prompt chosen rejected prompt_key negative_prompt criterion source margin agreement n_votes n_candidates references meta".split(" ");
const IMAGE_KEYS = "uri seed batch_index image_id sha256 width height variant model params score scores".split(" ");

describe("a row", () => {
  test("has the contract's keys in their order, and nothing that a night leaves behind", async () => {
    await using fixture = await openFixture();
    fixture.addRow({ prompt: "a cat", references: { reference: "ab" }, agreement: 1, nVotes: 3, source: "people" });
    await fixture.export();
    const { rows, lines } = await readVersion(fixture);
    const [row] = rows();
    expect(Object.keys(row!)).toEqual(ROW_KEYS);
    expect(Object.keys(row!.chosen)).toEqual(IMAGE_KEYS);
    expect(Object.keys(row!.rejected[0]!)).toEqual(IMAGE_KEYS);
    expect(lines()[0]).not.toMatch(LEFT_BEHIND);
  });

  test("carries what the database has", async () => {
    await using fixture = await openFixture();
    fixture.addVariant("other", { model: "sdxl.safetensors", params: { steps: 4, cfg: 1.5 } });
    const added = fixture.addRow({
      prompt: "a cat",
      negative: "blurry",
      criterion: "beauty",
      source: "people",
      scores: [0.81, 0.12, 0.1],
      agreement: 2 / 3,
      nVotes: 3,
      seeds: ["5", "6", "7"],
      variants: ["other", "base", "base"],
    });
    await fixture.export();
    const [row] = (await readVersion(fixture)).rows();
    expect(row).toMatchObject({
      id: added.rowId,
      prompt: "a cat",
      prompt_key: added.promptKey,
      negative_prompt: "blurry",
      criterion: "beauty",
      source: "people",
      margin: 0.69,
      agreement: 0.666667,
      n_votes: 3,
      n_candidates: 3,
      chosen: { seed: 5, width: 64, height: 64, batch_index: 0, variant: "other", model: "sdxl.safetensors", score: 0.81 },
      rejected: [
        { seed: 6, variant: "base", model: "sd15.safetensors", score: 0.12 },
        { seed: 7, score: 0.1 },
      ],
    });
    const shown = [row!.chosen, ...row!.rejected];
    expect(shown.map(({ image_id }) => image_id)).toEqual(added.imageIds);
    expect(shown.map(({ uri }) => uri)).toEqual(added.imageIds.map((id) => `${STORE_URI}/images/${id.slice(2, 5)}/${id}.png`));
    expect(row!.chosen.params).toBe('{"cfg":1.5,"steps":4}');
    expect(ownId(row!)).toBe(row!.id);
  });

  test("has JSON strings with sorted keys in meta, params and scores", async () => {
    await using fixture = await openFixture();
    fixture.db.client.exec('update variants set params = \'{"steps":20,"cfg":7}\'');
    const { imageIds, promptKey } = fixture.addRow({
      prompt: "a cat",
      sent: "a cat, masterpiece",
      sourceId: "row 7",
      meta: { Zebra: "z", Category: "Animals" },
      bound: { width: 512, cfg: 9 },
      scores: [1, 0],
    });
    const score = fixture.db.client.prepare("insert into scores (image_id, judge, version, prompt_key, score) values (?, ?, ?, ?, ?)");
    score.run(imageIds[0], "aesthetic", "2", promptKey, 5.25);
    score.run(imageIds[0], "aesthetic", "1", promptKey, 99); // A version that is not in use any more.
    score.run(imageIds[0], "removed", "1", promptKey, 1);
    score.run(imageIds[1], "aesthetic", "1", promptKey, 99); // The only one of its judge.
    await fixture.export();
    const [row] = (await readVersion(fixture)).rows();
    expect(row!.meta).toBe('{"Category":"Animals","Zebra":"z","source_id":"row 7"}');
    expect(row!.chosen.params).toBe('{"cfg":9,"prompt":"a cat, masterpiece","steps":20,"width":512}');
    expect(row!.chosen.scores).toBe('{"aesthetic":5.25,"quality":1.0}');
    expect(row!.rejected[0]!.scores).toBe('{"quality":0.0}');
  });

  test("rounds scores to 6 decimals, with a point, −0 as 0.0, and takes the margin from them", async () => {
    await using fixture = await openFixture();
    fixture.addRow({ prompt: "round", scores: [1, -0] });
    fixture.addRow({ prompt: "long", scores: [0.123_456_789, 0.023_456_489] });
    fixture.addRow({ prompt: "tiny", scores: [1e-7, -1e-7] });
    await fixture.export();
    const lines = (await readVersion(fixture)).lines();
    const floats = (prompt: string): string[] => {
      const line = lines.find((text) => text.includes(`"prompt":"${prompt}"`));
      return [...line!.matchAll(/"(?:score|margin)":([^,}]+)/g)].map(([, text]) => text!);
    };
    expect(floats("round")).toEqual(["1.0", "0.0", "1.0"]);
    expect(floats("long")).toEqual(["0.123457", "0.023456", "0.100001"]);
    expect(floats("tiny")).toEqual(["0.0", "0.0", "0.0"]);
  });

  test("has null for what is no number", async () => {
    await using fixture = await openFixture();
    fixture.addRow({ prompt: "a cat", scores: [Infinity, 0.5, null], margin: Infinity, agreement: 0.5 });
    fixture.addRow({ prompt: "a dog", scores: [0.75, 0.5], agreement: 0.5 });
    await fixture.export();
    const rows = (await readVersion(fixture)).rows();
    const cat = rows.find(({ prompt }) => prompt === "a cat");
    expect(cat).toMatchObject({ margin: null, chosen: { score: null }, rejected: [{ score: 0.5 }, { score: null }] });
  });

  test("is well-formed Unicode on one line, whatever the prompt", async () => {
    await using fixture = await openFixture();
    const prompt = 'line\n"quoted"\t\\ \u2028 猫 🐈';
    fixture.addRow({ prompt, meta: { note: "\ud800" } });
    await fixture.export();
    const { rows, bytes } = await readVersion(fixture);
    expect(rows()).toHaveLength(1);
    expect(rows()[0]!.prompt).toBe(prompt);
    expect(JSON.parse(rows()[0]!.meta)).toEqual({ note: "\ufffd" });
    expect(() => new TextDecoder("utf-8", { fatal: true }).decode(bytes.get("data/train-00000-of-00001.jsonl"))).not.toThrow();
  });
});

describe("columns that no row fills", () => {
  test("are left out of the whole export and named in the manifest", async () => {
    await using fixture = await openFixture();
    fixture.addRow({ prompt: "a cat" });
    fixture.addRow({ prompt: "a dog" });
    await fixture.export();
    const { rows, json } = await readVersion(fixture);
    for (const row of rows()) {
      expect(row).not.toHaveProperty("agreement");
      expect(row).not.toHaveProperty("references");
      expect(row).toHaveProperty("margin");
    }
    expect(json("manifest.json")).toMatchObject({ columns_left_out: ["agreement", "references"] });
  });

  test("are left out of images, too", async () => {
    await using fixture = await openFixture();
    fixture.addRow({ prompt: "a cat", scores: [null, null], margin: null, agreement: 1, source: "people" });
    await fixture.export();
    const [row] = (await readVersion(fixture)).rows();
    expect(row).not.toHaveProperty("margin");
    expect(row!.chosen).not.toHaveProperty("score");
    expect(row!.rejected[0]).not.toHaveProperty("score");
    expect(row).toHaveProperty("agreement", 1);
  });

  test("stay in every row where one row of any split fills them", async () => {
    await using fixture = await openFixture();
    // By their group keys, with equal thirds: 0 is in test, 1 in train, 2 in validation.
    for (const index of [0, 1, 2]) fixture.addRow({ prompt: `a picture of ${index}`, agreement: index === 0 ? 0.5 : null });
    await fixture.export({ splits: { train: 1, validation: 1, test: 1 } });
    const { rows } = await readVersion(fixture);
    expect(["train", "validation", "test"].map((split) => rows(split)[0]!.agreement)).toEqual([null, null, 0.5]);
  });
});

describe("settings of rows", () => {
  test("fields: minimal is exactly prompt, chosen and rejected with uri and seed", async () => {
    await using fixture = await openFixture();
    fixture.addRow({ prompt: "a cat", meta: { Category: "Animals" }, scores: [3, 2, 1], seeds: ["1", "2", "3"], agreement: 1 });
    await fixture.export({ fields: "minimal" });
    const { lines } = await readVersion(fixture);
    expect(lines()).toHaveLength(1);
    expect(lines()[0]).toMatch(
      /^\{"prompt":"a cat","chosen":\{"uri":"s3:[^"]+","seed":1\},"rejected":\[\{"uri":"[^"]+","seed":2\},\{"uri":"[^"]+","seed":3\}\]\}$/,
    );
  });

  test.each([
    ["https://example.org/images", "https://example.org/images/"],
    ["/mnt/data/", "/mnt/data/"],
    ["", ""],
  ])("uri_base %j stands before every image's key, in images.csv as in rows", async (base, prefix) => {
    await using fixture = await openFixture();
    const { imageIds } = fixture.addRow({ prompt: "a cat" });
    await fixture.export({ uri_base: base });
    const { rows, text } = await readVersion(fixture);
    const uris = imageIds.map((id) => `${prefix}images/${id.slice(2, 5)}/${id}.png`);
    expect([rows()[0]!.chosen.uri, rows()[0]!.rejected[0]!.uri]).toEqual(uris);
    for (const uri of uris) expect(text("images.csv")).toContain(`\n${uri},`);
  });

  test("a seed over 2^53 - 1 as a number is refused with the way out, and nothing is written", async () => {
    await using fixture = await openFixture();
    fixture.addRow({ prompt: "a cat", seeds: ["9007199254740991", "9007199254740992"] });
    const error = await fixture.export().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ConfigError);
    expect((error as ConfigError).message).toContain("9007199254740992");
    expect((error as ConfigError).hint).toContain("seed_format: string");
    expect((await fixture.files()).size).toBe(0);
  });

  test("2^53 - 1 itself is a number", async () => {
    await using fixture = await openFixture();
    fixture.addRow({ prompt: "a cat", seeds: ["9007199254740991", "0"] });
    await fixture.export();
    const { rows, json } = await readVersion(fixture);
    expect([rows()[0]!.chosen.seed, rows()[0]!.rejected[0]!.seed]).toEqual([9_007_199_254_740_991, 0]);
    expect(json("manifest.json")).toMatchObject({ seeds: { min: "0", max: "9007199254740991" } });
  });

  test("seed_format: string keeps 64 bits in every row of the export", async () => {
    await using fixture = await openFixture();
    fixture.addRow({ prompt: "a cat", seeds: ["18446744073709551615", "7"] });
    fixture.addRow({ prompt: "a dog" });
    await fixture.export({ seed_format: "string" });
    const seeds = (await readVersion(fixture)).rows().flatMap(({ chosen, rejected }) => [chosen.seed, ...rejected.map(({ seed }) => seed)]);
    expect(new Set(seeds)).toEqual(new Set(["18446744073709551615", "7", "1000", "1001"]));
  });

  test("a large seed of an image that no row shows does not matter", async () => {
    await using fixture = await openFixture();
    fixture.addRow({ prompt: "a cat" });
    fixture.addRow({ prompt: "a dog", pairSet: "strict", seeds: ["18446744073709551615", "7"] });
    expect(await fixture.export()).toMatchObject({ outcome: "created", rows: 1 });
  });

  test("pairs names the set of pairs whose rows are exported", async () => {
    await using fixture = await openFixture();
    fixture.addRow({ prompt: "a cat" });
    fixture.addRow({ prompt: "a dog", pairSet: "strict" });
    await fixture.export({ pairs: "strict" });
    expect((await readVersion(fixture)).rows().map(({ prompt }) => prompt)).toEqual(["a dog"]);
  });
});
