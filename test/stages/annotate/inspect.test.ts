import { readdir, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { FatalError, TransientError } from "../../../src/errors.ts";
import { thumbnailPath } from "../../../src/images/thumbnails.ts";
import { inspect } from "../../../src/stages/annotate/inspect.ts";
import { nothingUpstream, type Upstream } from "../../../src/stages/stage.ts";
import { imageId, openTestDataset, type TestDataset } from "../../helpers/annotated-dataset.ts";
import { makeImage } from "../../helpers/images.ts";

const inspections = ({ db }: TestDataset) =>
  db.client.prepare("select image_id as id, width, error from inspections order by image_id").all() as {
    id: string;
    width: number | null;
    error: string | null;
  }[];

describe("inspect()", () => {
  it("inspects every stored image once and writes its thumbnail", async () => {
    await using dataset = await openTestDataset();
    for (const name of ["a", "b", "c"])
      await dataset.storeImage(imageId(name), await makeImage({ seed: name.charCodeAt(0) }), { promptKey: "p_1" });
    dataset.addImage(imageId("d"), { promptKey: "p_1", state: "listed" });
    dataset.addImage(imageId("e"), { promptKey: "p_1", state: "rejected" });

    expect(await inspect(dataset.context, nothingUpstream)).toEqual({ stage: "inspect", done: 3, failed: 0, stopped: false });
    expect(inspections(dataset).map(({ id, width }) => [id, width])).toEqual(["a", "b", "c"].map((name) => [imageId(name), 64]));
    const thumbnail = await readFile(thumbnailPath(dataset.context.config.dir, imageId("a")));
    expect((await sharp(thumbnail).metadata()).format).toBe("webp");
    const folder = dirname(thumbnailPath(dataset.context.config.dir, imageId("a")));
    expect((await readdir(folder)).filter((name) => !name.endsWith(".webp"))).toEqual([]);

    expect((await inspect(dataset.context, nothingUpstream)).done).toBe(0);
  });

  it("keeps an undecodable image as a row with the reason", async () => {
    await using dataset = await openTestDataset();
    await dataset.storeImage(imageId("a"), Buffer.from("no image"), { promptKey: "p_1" });
    expect(await inspect(dataset.context, nothingUpstream)).toMatchObject({ done: 1, failed: 0 });
    expect(inspections(dataset)).toEqual([{ id: imageId("a"), width: null, error: expect.stringContaining("unsupported image format") }]);
    expect(dataset.warnings).toEqual([expect.stringContaining(imageId("a"))]);
  });

  it("takes images that are stored while it runs, and ends when no more can come", async () => {
    await using dataset = await openTestDataset();
    await dataset.storeImage(imageId("a"), await makeImage({ seed: 1 }), { promptKey: "p_1" });
    let left = 3;
    const upstream: Upstream = {
      moreToCome: () => left > 0,
      waitForWork: async () => {
        left--;
        await dataset.storeImage(imageId(`later ${left}`), await makeImage({ seed: left + 10 }), { promptKey: "p_1" });
      },
    };
    expect(await inspect(dataset.context, upstream)).toMatchObject({ done: 4 });
    expect(inspections(dataset)).toHaveLength(4);
  });

  it("retries images that the store could not give", async () => {
    await using dataset = await openTestDataset();
    await dataset.storeImage(imageId("a"), await makeImage(), { promptKey: "p_1" });
    let refusals = 2;
    const store: typeof dataset.context.store = {
      ...dataset.context.store,
      get: (key, signal) => (refusals-- > 0 ? Promise.reject(new TransientError("SlowDown")) : dataset.context.store.get(key, signal)),
    };
    expect(await inspect({ ...dataset.context, store }, nothingUpstream)).toMatchObject({ done: 1, failed: 0 });
  });

  it("leaves an image whose object is missing or has another length for the next run", async () => {
    await using dataset = await openTestDataset();
    const clock = { nowMs: () => now, sleep: async (delayMs: number) => void (now += delayMs) };
    let now = 0;
    dataset.addImage(imageId("gone"), { promptKey: "p_1" });
    await dataset.storeImage(imageId("short"), await makeImage(), { promptKey: "p_1" });
    dataset.db.client.prepare("update images set bytes = bytes + 1 where image_id = ?").run(imageId("short"));
    await dataset.storeImage(imageId("whole"), await makeImage(), { promptKey: "p_1" });
    expect(await inspect({ ...dataset.context, clock }, nothingUpstream)).toEqual({ stage: "inspect", done: 1, failed: 2, stopped: false });
    expect(inspections(dataset).map(({ id }) => id)).toEqual([imageId("whole")]);
  });

  it("ends with a FatalError, and keeps what it had, if the store refuses for good", async () => {
    await using dataset = await openTestDataset();
    await dataset.storeImage(imageId("a"), await makeImage(), { promptKey: "p_1" });
    await dataset.storeImage(imageId("b"), await makeImage(), { promptKey: "p_1" });
    const store: typeof dataset.context.store = {
      ...dataset.context.store,
      get: (key, signal) => (key.includes(imageId("b")) ? Promise.reject(new FatalError("403")) : dataset.context.store.get(key, signal)),
    };
    await expect(inspect({ ...dataset.context, store }, nothingUpstream)).rejects.toThrow("403");
    expect(inspections(dataset).map(({ id }) => id)).toEqual([imageId("a")]);
  });

  it("stops when it is asked to", async () => {
    await using dataset = await openTestDataset();
    await dataset.storeImage(imageId("a"), await makeImage(), { promptKey: "p_1" });
    expect(await inspect({ ...dataset.context, stopping: AbortSignal.abort() }, nothingUpstream)).toMatchObject({ done: 0, stopped: true });
  });
});
