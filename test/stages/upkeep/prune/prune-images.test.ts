import { expect, test } from "vitest";
import { storedImages } from "../../../../src/db/queries/images/stored-images.ts";
import { unusedImages } from "../../../../src/db/queries/images/unused-images.ts";
import { pruneImages } from "../../../../src/stages/upkeep/prune/prune.ts";
import { imageId, openTestDataset, type TestDataset } from "../../../helpers/annotated-dataset.ts";

const IMAGES = 1_100; // More than two pages.
const WANTED = { expire: false, unpaired: true, storedBeforeMs: Number.MAX_SAFE_INTEGER };

interface Ended {
  /** Keys. */
  readonly deleted: readonly string[];
  readonly error: unknown;
}

/** Prunes until the `dieAt`-th object is to be deleted. */
async function prune(dataset: TestDataset, dieAt = Infinity): Promise<Ended> {
  const deleted: string[] = [];
  const store = {
    ...dataset.context.store,
    delete: (key: string) => {
      if (deleted.length + 1 >= dieAt) return Promise.reject(new Error("killed"));
      deleted.push(key);
      return Promise.resolve();
    },
  };
  const error = await pruneImages({ ...dataset.context, store, images: unusedImages(dataset.db) }, WANTED).then(
    () => null,
    (thrown: unknown) => thrown,
  );
  return { deleted, error };
}

test.each([1, 2, 250, 500, 501, 777])(
  "a prune that ends at its object %i is ended by the next, whatever is in which page",
  async (dieAt) => {
    await using dataset = await openTestDataset();
    const ids = Array.from({ length: IMAGES }, (_, index) => imageId(`n${index}`));
    for (const id of ids) dataset.addImage(id, { promptKey: "p_1" });
    const { deleted: first, error } = await prune(dataset, dieAt);
    expect(String(error)).toContain("killed");
    // No row promises what may be gone, and what is left is not counted as stored.
    const promised = storedImages(dataset.db);
    for (const key of first) expect(promised.findKept(key.slice(7, -4))).toBeUndefined();

    const second = await prune(dataset);
    expect(second.error).toBeNull();
    expect(new Set([...first, ...second.deleted])).toEqual(new Set(ids.map((id) => `images/${id}.png`)));
    expect(await prune(dataset)).toEqual({ deleted: [], error: null });
    expect(dataset.db.client.prepare("select distinct state, reason, key, detail from images").raw().all()).toEqual([
      ["excluded", "pruned", null, "nothing used it: deleted"],
    ]);
  },
);

test("images that the user excluded are as they were while a prune of others is not ended, and their own cannot be brought back", async () => {
  await using dataset = await openTestDataset();
  for (const name of ["a", "b"]) dataset.addImage(imageId(name), { promptKey: "p_1", state: "excluded" });
  const kept = storedImages(dataset.db);
  expect(kept.count()).toBe(2);
  const images = unusedImages(dataset.db);
  images.markPruned(images.page("", WANTED, 1), "deleted");
  expect([kept.count(), kept.findKept(imageId("a")), kept.findKept(imageId("b"))?.imageId]).toEqual([1, undefined, imageId("b")]);
});
