import { describe, expect, test } from "vitest";
import { readVersion } from "../exported.ts";
import { openFixture } from "../fixture-database.ts";
import { openImageFixture } from "../image-fixture.ts";

interface CroissantField {
  readonly "@id": string;
  readonly description?: string;
  readonly dataType?: string;
  readonly repeated?: boolean;
  readonly source?: {
    readonly fileObject: { readonly "@id": string };
    readonly extract: { readonly column: string };
    readonly transform?: { readonly jsonPath: string };
  };
  readonly subField?: readonly CroissantField[];
}

interface Croissant {
  readonly version: string;
  readonly distribution: readonly { readonly "@id": string; readonly contentUrl: string; readonly sha256: string }[];
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

  test("describes every table that is exported, with names that are unique and sources that are there", async () => {
    await using fixture = await openImageFixture();
    for (const prompt of ["a cat", "a dog", "a cow", "a pig", "a hen", "an owl"]) {
      const { promptKey, imageIds } = await fixture.addImaged({ prompt, source: "people" });
      fixture.addVote({ voteId: `${prompt} 1`, promptKey, shown: imageIds, ranking: imageIds.map((id) => [id]) });
      const tied = await fixture.addImaged({ prompt: `${prompt} that sits` });
      fixture.addVote({ voteId: `${prompt} 2`, promptKey: tied.promptKey, shown: tied.imageIds, kind: "tie", ranking: [tied.imageIds] });
    }
    const tables = ["pairs", "rankings", "ties", "votes"];
    await fixture.export({ tables, formats: ["jsonl", "parquet"], splits: { train: 1, test: 1 }, shards: 2 }, { croissant: true });
    const version = await readVersion(fixture);
    const { distribution, recordSet } = version.json("croissant.json") as Croissant;

    const rowFiles = version.paths.filter((path) => path.endsWith(".jsonl"));
    expect(distribution.map(({ contentUrl }) => contentUrl).toSorted()).toEqual(rowFiles);
    const leaves = (fields: readonly CroissantField[]): readonly CroissantField[] => fields.flatMap((own) => own.subField ?? [own]);
    const sources = new Map(
      recordSet.map((set) => [set["@id"], new Set(leaves(set.field).map(({ source }) => source?.fileObject["@id"] ?? ""))]),
    );
    expect(
      [...sources.values()]
        .map((paths) => [...paths])
        .flat()
        .toSorted(),
      "each file once, all of a record set's fields from it",
    ).toEqual(rowFiles);
    const ids = [
      ...distribution,
      ...recordSet,
      ...recordSet.flatMap(({ field }) => [...field, ...field.flatMap(({ subField = [] }) => subField)]),
    ].map((node) => node["@id"]);
    expect(new Set(ids).size, "unique").toBe(ids.length);

    for (const table of ["default", ...tables]) {
      const schema = version.json(`schema/${table}.schema.json`) as {
        readonly required: readonly string[];
        readonly properties: Readonly<Record<string, { readonly type: string; readonly items?: { readonly type: string } }>>;
      };
      const own = recordSet.filter(({ field }) =>
        leaves(field)[0]?.source?.fileObject["@id"].startsWith(table === "default" ? "data/" : `${table}/`),
      );
      expect(own.length, table).toBe(rowFiles.filter((path) => path.startsWith(table === "default" ? "data/" : `${table}/`)).length);
      for (const { field } of own) {
        expect(field.map((column) => column["@id"].split("/")[1])).toEqual(schema.required);
        for (const [index, column] of field.entries()) {
          const { type } = schema.properties[schema.required[index] ?? ""] ?? {};
          expect(column.repeated === true, column["@id"]).toBe(type === "array");
          expect(column.description, column["@id"]).not.toBe("");
          const types = leaves([column]).map(({ dataType = "none" }) => dataType);
          expect(types.join(" "), column["@id"]).toMatch(/^(?:sc:(?:Text|Integer|Float|Boolean)(?: |$))+$/);
        }
      }
    }
  });
});
