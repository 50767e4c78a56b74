import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { InterruptedError } from "../../../../src/errors.ts";
import { openFixture } from "../fixture-database.ts";
import { openImageFixture } from "../image-fixture.ts";

describe("an export with several workers", () => {
  test.each([true, false])("has the bytes of one with a single worker (gzip: %s)", async (gzip) => {
    await using fixture = await openFixture();
    for (let index = 0; index < 60; index++) fixture.addRow({ prompt: `prompt ${index}` });
    const section = { gzip, shards: 7, splits: { train: 50, validation: 25, test: 25 } };
    const withWorkers = async (workers: number) => {
      await fixture.export({ ...section, uri: join(fixture.dir, `export/${workers}`) }, { workers });
      const files = [...(await fixture.files())].filter(([path]) => path.startsWith(`${workers}/v1/`) && !path.endsWith("manifest.json"));
      return files.map(([path, bytes]) => [path.slice(path.indexOf("/")), bytes.toString("base64")]);
    };
    const one = await withWorkers(1);
    expect(one.length).toBeGreaterThan(15);
    expect(await withWorkers(4)).toEqual(one);
    expect(await withWorkers(2)).toEqual(one);
  });

  test("has the bytes of one with a single worker in every table and every format with images", async () => {
    await using fixture = await openImageFixture();
    for (let index = 0; index < 12; index++) {
      const { promptKey, imageIds } = await fixture.addImaged({
        prompt: `prompt ${index}`,
        scores: [0.9, 0.5, 0.5],
        seeds: ["1", "2", "3"],
      });
      fixture.addVote({ voteId: `vote ${index}`, promptKey, shown: imageIds, ranking: [[imageIds[0]!], imageIds.slice(1)] });
    }
    const section = {
      gzip: true,
      shards: 3,
      splits: { train: 50, validation: 25, test: 25 },
      tables: ["default", "pairs", "rankings", "ties", "votes"],
      formats: ["jsonl", "parquet", "webdataset", "imagefolder", "winlose"],
      images: { format: "jpeg", max_side: 32 },
      card: { samples: 2 },
    };
    const withWorkers = async (workers: number) => {
      await fixture.export({ ...section, uri: join(fixture.dir, `export/${workers}`) }, { workers });
      const files = [...(await fixture.files())].filter(([path]) => path.startsWith(`${workers}/v1/`) && !path.endsWith("manifest.json"));
      return new Map(files.map(([path, bytes]) => [path.slice(path.indexOf("/") + 4), bytes.toString("base64")]));
    };
    const one = await withWorkers(1);
    for (const folder of ["data", "pairs", "rankings", "ties", "votes", "parquet", "webdataset", "imagefolder", "winlose", "samples"])
      expect([...one.keys()]).toContainEqual(expect.stringMatching(`^${folder}/`));
    expect(await withWorkers(4)).toEqual(one);
  });

  test("leaves nothing behind where it is interrupted while rows are made", async () => {
    await using fixture = await openFixture();
    // One commit, and enough rows for a look at signals among them.
    fixture.db.client.transaction(() => {
      for (let index = 0; index < 300; index++) fixture.addRow({ prompt: `prompt ${index}` });
    })();
    const stopping = new AbortController();
    const log = { ...fixture.needs.log, progress: () => stopping.abort() };
    const exported = fixture.export({ shards: 5 }, { workers: 4 }, { log, stopping: stopping.signal });
    await expect(exported).rejects.toThrow(InterruptedError);
    expect(existsSync(join(fixture.dir, ".export-spool"))).toBe(false);
    expect([...(await fixture.files()).keys()]).toEqual([]);
    await fixture.export({ shards: 5 });
    expect((await fixture.files()).has("v1/manifest.json")).toBe(true);
  });
});
