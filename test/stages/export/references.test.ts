import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import { verifyExport } from "../../../src/stages/export/check/verify-export.ts";
import { fileStore } from "../../../src/stores/file/file.ts";
import { readVersion, type Exported } from "./exported.ts";
import { openFixture, STORE_URI, type Fixture } from "./fixture-database.ts";

// Images that prompts come with, in rows and beside them.

const THIRDS = { train: 1, validation: 1, test: 1 };
const SPLITS = ["train", "validation", "test"] as const;
const sha256Of = (content: string): string => createHash("sha256").update(content).digest("hex");
const keyOf = (content: string): string => `references/${sha256Of(content).slice(0, 3)}/${sha256Of(content)}.png`;

async function problemsOf(fixture: Fixture): Promise<readonly string[]> {
  const problems: string[] = [];
  const store = fileStore(pathToFileURL(fixture.exportDir).href);
  await verifyExport("v1", {
    store,
    signal: new AbortController().signal,
    report: ({ path, text }) => void problems.push(`${path} ${text}`),
  });
  return problems.toSorted();
}

const referencesIn = (line: string): unknown => (JSON.parse(line) as { references?: unknown }).references;
const listedIn = ({ text }: Exported): readonly string[] =>
  text("images.csv")
    .split("\n")
    .filter((line) => line.includes("/references/"));

describe("references", () => {
  test.each([
    [{}, STORE_URI],
    [{ uri_base: "/mnt/set" }, "/mnt/set"],
  ])("of a row are by name, with URI and SHA-256, under %j", async (section, base) => {
    await using fixture = await openFixture();
    fixture.addRow({ prompt: "a cat", references: { pose: "p", depth: "d" } });
    fixture.addRow({ prompt: "a dog", references: { pose: "p" } });
    fixture.addRow({ prompt: "a map" });
    await fixture.export(section);
    const version = await readVersion(fixture);
    const pose = { name: "pose", uri: `${base}/${keyOf("p")}`, sha256: sha256Of("p") };
    const depth = { name: "depth", uri: `${base}/${keyOf("d")}`, sha256: sha256Of("d") };
    const byPrompt = version.rows().map(({ prompt }, index) => [prompt, referencesIn(version.lines()[index]!)]);
    expect(Object.fromEntries(byPrompt)).toEqual({ "a cat": [depth, pose], "a dog": [pose], "a map": [] });
    expect(listedIn(version)).toEqual([depth, pose].map(({ uri, sha256 }) => `${uri},${sha256},11`).toSorted((a, b) => (a < b ? -1 : 1)));
    expect(version.json("manifest.json")).toMatchObject({ counts: { rows: 3, images: 6, references: 2 } });
    expect(version.text("README.md")).toContain("showing 6 images made with 2 reference pictures");
    expect(await problemsOf(fixture)).toEqual([]);
  });

  test("may be in several splits, unlike images", async () => {
    await using fixture = await openFixture();
    for (let index = 0; index < 30; index++) fixture.addRow({ prompt: `image ${index}`, references: { pose: "p" } });
    await fixture.export({ splits: THIRDS });
    const version = await readVersion(fixture);
    expect(SPLITS.map((split) => version.lines(split).length > 0)).toEqual([true, true, true]);
    expect(SPLITS.reduce((sum, split) => sum + version.lines(split).length, 0)).toBe(30);
    expect(listedIn(version)).toHaveLength(1);
    expect(await problemsOf(fixture)).toEqual([]);
  });

  test("that are not in the store take their rows with them, counted", async () => {
    await using fixture = await openFixture();
    fixture.addRow({ prompt: "a cat", references: { pose: "p" } });
    fixture.addRow({ prompt: "a dog", references: { pose: "q" } });
    fixture.db.client.prepare("update reference_files set key = null where sha256 = ?").run(sha256Of("p"));
    expect(await fixture.export()).toMatchObject({ rows: 1, drops: { "row:reference-not-stored": 1 } });
    expect((await readVersion(fixture)).rows().map(({ prompt }) => prompt)).toEqual(["a dog"]);
  });

  test("are neither named, listed nor needed where rows are minimal", async () => {
    await using fixture = await openFixture();
    fixture.addRow({ prompt: "a cat", references: { pose: "p" } });
    fixture.db.client.exec("update reference_files set key = null");
    await fixture.export({ fields: "minimal" });
    const version = await readVersion(fixture);
    expect(version.rows()).toHaveLength(1);
    expect(listedIn(version)).toEqual([]);
    expect((version.json("manifest.json") as { counts: object }).counts).not.toHaveProperty("references");
    expect(await problemsOf(fixture)).toEqual([]);
  });

  test("that are damaged in the files are found", async () => {
    await using fixture = await openFixture();
    fixture.addRow({ prompt: "a cat", references: { depth: "d", pose: "p" } });
    await fixture.export();
    const data = join(fixture.exportDir, "v1/data/train-00000-of-00001.jsonl");
    const before = String(await readFile(data));
    const edits: readonly (readonly [string, (text: string) => string])[] = [
      [
        "shows s3://bucket/prefix/other.png, which images.csv does not list",
        (text) => text.replace(`${STORE_URI}/${keyOf("p")}`, `${STORE_URI}/other.png`),
      ],
      ["another sha256 than images.csv", (text) => text.replace(`"sha256":"${sha256Of("p")}"`, `"sha256":"${sha256Of("x")}"`)],
      ["has a reference whose sha256 is none", (text) => text.replace(`"sha256":"${sha256Of("p")}"`, `"sha256":"ab"`)],
      ["does not have its references by name", (text) => text.replace('"name":"depth"', '"name":"zoom"')],
      ["which no row shows", (text) => text.replace(/"references":\[.*?\]/, '"references":[]')],
    ];
    for (const [problem, edit] of edits) {
      await writeFile(data, edit(before));
      expect((await problemsOf(fixture)).join("\n")).toContain(problem);
    }
  });
});
