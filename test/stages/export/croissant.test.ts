import { describe, expect, test } from "vitest";
import { readVersion } from "./exported.ts";
import { openFixture } from "./fixture-database.ts";

interface CroissantField {
  readonly "@id": string;
  readonly repeated?: boolean;
  readonly source?: { readonly extract: { readonly column: string }; readonly transform?: { readonly jsonPath: string } };
  readonly subField?: readonly CroissantField[];
}

interface Croissant {
  readonly version: string;
  readonly distribution: readonly { readonly contentUrl: string; readonly sha256: string }[];
  readonly recordSet: readonly { readonly "@id": string; readonly field: readonly CroissantField[] }[];
}

describe("croissant.json", () => {
  test("is written where it was asked for only, and the same for the same rows", async () => {
    await using fixture = await openFixture();
    fixture.addRow({ prompt: "a cat" });
    await fixture.export();
    expect((await readVersion(fixture)).paths).not.toContain("croissant.json");
    await fixture.export({}, { croissant: true });
    await fixture.export({}, { croissant: true, as: "again" });
    const [first, second] = [await readVersion(fixture, "v2"), await readVersion(fixture, "again")];
    expect(first.text("croissant.json")).toBe(second.text("croissant.json"));
    expect(first.text("SHA256SUMS")).toContain("  croissant.json\n");
  });

  test.each([{ shards: 2 }, { gzip: true, fields: "minimal" }, { splits: { train: 1, test: 1 } }])(
    "names every file with its checksum, and every key of a row, under %j",
    async (section) => {
      await using fixture = await openFixture();
      for (let index = 0; index < 8; index++) fixture.addRow({ prompt: `prompt ${index}`, agreement: 1, references: { pose: "p" } });
      await fixture.export(section, { croissant: true });
      const version = await readVersion(fixture);
      const { files } = version.json("manifest.json") as { files: { path: string; sha256: string }[] };
      const { distribution, recordSet } = version.json("croissant.json") as Croissant;
      expect(distribution.map(({ contentUrl, sha256 }) => [contentUrl, sha256])).toEqual(files.map(({ path, sha256 }) => [path, sha256]));
      expect(recordSet).toHaveLength(files.length);
      const schema = version.json("schema/default.schema.json") as { required: string[]; properties: { chosen: { required: string[] } } };
      for (const { field } of recordSet) {
        expect(field.map((own) => own["@id"].split("/")[1])).toEqual(schema.required);
        const chosen = field.find((own) => own["@id"].endsWith("/chosen"));
        expect(chosen?.subField?.map(({ source }) => source?.transform?.jsonPath)).toEqual(schema.properties.chosen.required);
        expect(field.find((own) => own["@id"].endsWith("/rejected"))).toMatchObject({ repeated: true });
      }
    },
  );
});
