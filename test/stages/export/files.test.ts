import { createHash } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { FatalError } from "../../../src/errors.ts";
import { parseManifest } from "../../../src/stages/export/make/manifest.ts";
import { readVersion } from "./exported.ts";
import { openFixture, type Fixture } from "./fixture-database.ts";

const sha256 = (content: string | Buffer): string => createHash("sha256").update(content).digest("hex");

function addRows(fixture: Fixture): void {
  fixture.addVariant("turbo", { model: "turbo.safetensors" });
  fixture.addRow({ prompt: "a cat", scores: [0.9, 0.4, 0.1], variants: ["turbo", "base", "base"], seeds: ["5", "6", "7"] });
  fixture.addRow({ prompt: "a dog", source: "people", agreement: 1, nVotes: 3, scores: [0.75, 0.25], seeds: ["8", "9"] });
  fixture.addRow({ prompt: "a cow", scores: [0.5, 0.25], variants: ["base", "turbo"], seeds: ["10", "4000000000"] });
}

const drop = (fixture: Fixture, unit: string, reason: string, count: number): void =>
  void fixture.db.client.prepare("insert into drops values ('main', 'p', 'overall', ?, ?, ?)").run(unit, reason, count);

describe("a version's files", () => {
  test("are the data and what tells of them, and nothing is left behind where they were made", async () => {
    await using fixture = await openFixture();
    addRows(fixture);
    await fixture.export();
    const paths = [
      "README.md",
      "SHA256SUMS",
      "data/train-00000-of-00001.jsonl",
      "download.py",
      "images.csv",
      "manifest.json",
      "schema/default.schema.json",
      "stats.json",
    ];
    expect((await readVersion(fixture)).paths).toEqual(paths);
    expect((await readdir(fixture.dir)).filter((name) => !name.startsWith("pipeline.db"))).toEqual(["export"]);
  });

  test("cannot be made where there is no room: that is said with the place, and nothing is published", async () => {
    await using fixture = await openFixture();
    addRows(fixture);
    const config = { ...fixture.needs.config, dir: join(fixture.dir, "pipeline.db") }; // A file: no folder can be made in it.
    const error = await fixture.export({}, {}, { config }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(FatalError);
    expect((error as FatalError).message).toContain(config.dir);
    expect((error as FatalError).hint).toContain("Free some space");
    expect((await fixture.files()).size).toBe(0);
  });
});

describe("SHA256SUMS", () => {
  test("has every file but itself and the manifest, as sha256sum reads it", async () => {
    await using fixture = await openFixture();
    addRows(fixture);
    await fixture.export({ shards: 2 });
    const { paths, text, bytes } = await readVersion(fixture);
    const own = paths.filter((path) => path !== "SHA256SUMS" && path !== "manifest.json");
    expect(text("SHA256SUMS")).toBe(own.map((path) => `${sha256(bytes.get(path)!)}  ${path}\n`).join(""));
  });
});

describe("images.csv", () => {
  test("lists each image once with what fetching it must give", async () => {
    await using fixture = await openFixture();
    const first = fixture.addRow({ prompt: "a cat", seeds: ["1", "2"] });
    fixture.addRow({ prompt: "a cat", criterion: "beauty", seeds: ["2", "1"] }); // The same two images the other way round.
    await fixture.export();
    const { text, json } = await readVersion(fixture);
    const lines = text("images.csv").trimEnd().split("\n");
    const uriOf = (id: string): string => `s3://bucket/prefix/images/${id.slice(2, 5)}/${id}.png`;
    const expected = first.imageIds.map((id, index) => `${uriOf(id)},${sha256(id)},${100 + index}`);
    expect(lines).toEqual(["uri,sha256,bytes", ...expected.toSorted()]);
    expect(json("manifest.json")).toMatchObject({ counts: { rows: 2, prompts: 1, images: 2 } });
  });

  test("quotes a URI that holds a comma or a quote", async () => {
    await using fixture = await openFixture();
    fixture.addRow({ prompt: "a cat" });
    await fixture.export({ uri_base: '/mnt/a,b "c"' });
    expect((await readVersion(fixture)).text("images.csv")).toMatch(/\n"\/mnt\/a,b ""c""\/images\/[^"]+\.png",[0-9a-f]{64},10[01]\n/);
  });
});

describe("manifest.json", () => {
  test("says what the version is made of", async () => {
    await using fixture = await openFixture();
    addRows(fixture);
    drop(fixture, "image", "blank", 4);
    drop(fixture, "prompt", "no-pair", 1);
    await fixture.export({ splits: { train: 1, validation: 1 } });
    const { bytes, paths, json, lines } = await readVersion(fixture);
    const manifest = json("manifest.json") as { files: { path: string; split: string }[]; checksums_sha256: string };
    expect(manifest).toMatchObject({
      row_schema: 1,
      complete: true,
      dataset: "fixture",
      version: "v1",
      created_at: "2026-01-01T00:00:00.000Z",
      config_hash: "c0ffee",
      tables: ["default"],
      fields: "full",
      seed_format: "number",
      columns_left_out: ["references"],
      counts: { rows: 3, prompts: 3, images: 7 },
      warnings: ["technical score, not preference: 2 of 3 rows were decided by judge:quality"],
      sources: { people: 1, "judge:quality": 2 },
      drops: { image: { blank: 4 }, prompt: { "no-pair": 1 } },
      splits: { ratios: { train: 1, validation: 1, test: 0 } },
      policies: { pair_set: "main", criteria: ["overall"], from: ["people", "quality"], policy: "best-rest" },
      judges: [
        { name: "quality", version: "1", technical: true },
        { name: "aesthetic", version: "2", technical: false },
      ],
      seeds: { min: "5", max: "4000000000" },
    });
    expect(manifest.files.map(({ path }) => path).toSorted()).toEqual(paths.filter((path) => path.startsWith("data/")));
    for (const file of manifest.files) {
      const content = bytes.get(file.path)!;
      expect(file).toEqual({
        path: file.path,
        table: "default",
        split: file.split,
        rows: lines(file.split).length,
        bytes: content.length,
        sha256: sha256(content),
      });
    }
    expect(manifest.checksums_sha256).toBe(sha256(bytes.get("SHA256SUMS")!));
  });

  test("is refused where a byte was changed, its end is missing or its schema is of another program", async () => {
    await using fixture = await openFixture();
    addRows(fixture);
    await fixture.export();
    const text = (await readVersion(fixture)).text("manifest.json");
    expect(parseManifest(text)).toMatchObject({ dataset: "fixture", counts: { rows: 3 } });
    expect(parseManifest(text.replace('"complete": true', '"complete": false'))).toMatch(/does not have the bytes/);
    expect(parseManifest(text.slice(0, -10))).toMatch(/does not end in its own checksum/);
    expect(parseManifest("")).toMatch(/does not end in its own checksum/);
    const body = text.replace('"row_schema": 1', '"row_schema": 2').replace(/ {2}"manifest_sha256".*/s, "");
    expect(parseManifest(`${body}  "manifest_sha256": "${sha256(body)}"\n}\n`)).toMatch(/is not of row_schema 1/);
  });
});

describe("stats.json", () => {
  test("counts rows by what they are, and images by side", async () => {
    await using fixture = await openFixture();
    addRows(fixture);
    drop(fixture, "image", "blank", 4);
    await fixture.export();
    const stats = (await readVersion(fixture)).json("stats.json") as {
      histograms: Record<string, Record<string, { low: number; high: number; bins: number[]; nulls: number }>>;
    };
    expect(stats).toMatchObject({
      rows: 3,
      prompts: 3,
      images: 7,
      splits: { train: 3 },
      sources: { "judge:quality": 2, people: 1 },
      criteria: { overall: 3 },
      variants: { base: { chosen: 2, rejected: 3 }, turbo: { chosen: 1, rejected: 1 } },
      models: { "sd15.safetensors": 5, "turbo.safetensors": 2 },
      n_candidates: { "2": 2, "3": 1 },
      n_rejected: { "1": 2, "2": 1 },
      n_votes: { "0": 2, "3": 1 },
      drops: { image: { blank: 4 } },
    });
    const { margin, score } = stats.histograms["judge:quality"]!;
    expect(margin).toMatchObject({ low: 0.25, high: 0.5, nulls: 0 });
    expect(margin!.bins).toEqual([1, ...Array.from({ length: 18 }, () => 0), 1]);
    expect(score).toMatchObject({ low: 0.1, high: 0.9 });
    expect(score!.bins.reduce((sum, count) => sum + count, 0)).toBe(5);
    expect(stats.histograms["people"]!["margin"]).toEqual({ low: 0.5, high: 0.5, bins: [1], nulls: 0 });
  });

  test("counts nulls apart and survives scores as far apart as numbers reach", async () => {
    await using fixture = await openFixture();
    fixture.addRow({ prompt: "a cat", scores: [1e308, -1e308, null] });
    await fixture.export();
    const { histograms } = (await readVersion(fixture)).json("stats.json") as { histograms: Record<string, { score: object }> };
    expect(histograms["judge:quality"]!.score).toMatchObject({ low: -1e308, high: 1e308, nulls: 1 });
  });
});

describe("README.md", () => {
  const cardOf = async (fixture: Fixture) => {
    const { text } = await readVersion(fixture);
    const [, frontMatter = "", body = ""] = /^---\n(.*?)\n---\n(.*)$/s.exec(text("README.md")) ?? [];
    return { head: parse(frontMatter) as Record<string, unknown>, body };
  };

  test("pins splits and features for loaders", async () => {
    await using fixture = await openFixture();
    for (const index of [0, 1, 2]) fixture.addRow({ prompt: `a picture of ${index}` });
    await fixture.export({ splits: { train: 1, validation: 1, test: 1 } });
    const { head } = await cardOf(fixture);
    expect(head["configs"]).toEqual([
      {
        config_name: "default",
        default: true,
        description: expect.stringMatching(/^rows sha256:[0-9a-f]{64}$/),
        data_files: ["train", "validation", "test"].map((split) => ({ split, path: `data/${split}-*` })),
      },
    ]);
    const fields = (dtype: string, names: string) => names.split(" ").map((name) => ({ name, dtype }));
    const image = [
      ...fields("string", "uri"),
      ...fields("int64", "seed batch_index"),
      ...fields("string", "image_id sha256"),
      ...fields("int64", "width height"),
      ...fields("string", "variant model params"),
      ...fields("float64", "score"),
      ...fields("string", "scores"),
    ];
    const features = [
      ...fields("string", "id prompt"),
      { name: "chosen", struct: image },
      { name: "rejected", list: image },
      ...fields("string", "prompt_key negative_prompt criterion source"),
      ...fields("float64", "margin"),
      ...fields("int64", "n_votes n_candidates"),
      ...fields("string", "meta"),
    ];
    expect(head["dataset_info"]).toEqual([{ config_name: "default", features }]);
  });

  test("says unknown where nobody gave a licence, and the log says it aloud", async () => {
    await using fixture = await openFixture();
    addRows(fixture);
    await fixture.export();
    const { head, body } = await cardOf(fixture);
    expect(head["license"]).toBe("unknown");
    expect(body).toContain("**Unknown.**");
    expect(fixture.messages.join("\n")).toMatch(/licence is unknown.*export\.card\.license/);
  });

  test.each([
    ["cc-by-4.0", { license: "cc-by-4.0" }],
    ["Our Own Terms", { license: "other", license_name: "Our Own Terms" }],
  ])("carries the licence %j", async (license, keys) => {
    await using fixture = await openFixture();
    addRows(fixture);
    await fixture.export({
      card: { license, license_link: "https://example.org", authors: ["A", "B"], models: { "turbo.safetensors": "MIT" } },
    });
    const { head, body } = await cardOf(fixture);
    expect(head).toMatchObject({ ...keys, license_link: "https://example.org" });
    expect(body).toContain("By A, B.");
    expect(body).toContain("`turbo.safetensors`: MIT");
    expect(body).toContain("`sd15.safetensors`: terms not stated");
    expect(fixture.messages.join("\n")).not.toContain("licence is unknown");
  });

  test("warns of rows that a technical score decided, and of versions before their time", async () => {
    await using fixture = await openFixture();
    addRows(fixture);
    await fixture.export({}, { complete: false });
    const { body } = await cardOf(fixture);
    expect(body).toContain("**Technical score, not preference.** 2 of 3 rows were decided by `judge:quality`");
    expect(body).toContain("**Not complete.**");
  });

  test("warns of neither where people decided and all is done", async () => {
    await using fixture = await openFixture();
    fixture.addRow({ prompt: "a cat", source: "people", agreement: 1 });
    await fixture.export();
    const { body } = await cardOf(fixture);
    expect(body).not.toContain("Technical score");
    expect(body).not.toContain("Not complete");
  });

  test("tells what every column of the rows means", async () => {
    await using fixture = await openFixture();
    fixture.addRow({ prompt: "a cat", agreement: 1, references: { reference: "ab" } });
    await fixture.export();
    const { body } = await cardOf(fixture);
    const [row] = (await readVersion(fixture)).rows();
    for (const column of Object.keys(row!)) expect(body).toMatch(new RegExp(`\\| \`${column}\` \\| [a-z0-9 ]+ \\| \\S`));
    for (const key of Object.keys(row!.chosen)) {
      expect(body).toMatch(new RegExp(`\\| \`chosen\\.${key}\`, \`rejected\\[\\]\\.${key}\` \\| [a-z0-9]+ \\| \\S`));
    }
  });
});
