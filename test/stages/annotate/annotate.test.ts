import { describe, expect, it } from "vitest";
import { FatalError } from "../../../src/errors.ts";
import { annotate } from "../../../src/stages/annotate/annotate.ts";
import { nothingUpstream, type Upstream } from "../../../src/stages/stage.ts";
import { imageId, openTestDataset } from "../../helpers/annotated-dataset.ts";
import { makeImage } from "../../helpers/images.ts";

const [a, b, c, d] = ["a", "b", "c", "d"].map(imageId) as [string, string, string, string];

describe("annotate()", () => {
  it("goes from stored images to a row", async () => {
    await using dataset = await openTestDataset();
    for (const [seed, id] of [a, b, c].entries()) await dataset.storeImage(id, await makeImage({ seed: seed + 1 }), { promptKey: "p_1" });
    await dataset.storeImage(d, await makeImage({ contrast: 0 }), { promptKey: "p_1" });
    const { inspected, judged, linked } = await annotate(dataset.context, nothingUpstream);
    expect([inspected.done, judged.done]).toEqual([4, 1]);
    expect(linked.reports[0]).toMatchObject({ linked: { "judge:quality": 1 }, drops: { image: { blank: 1 } } });
  });

  it("works beside a stage that still stores images", async () => {
    await using dataset = await openTestDataset();
    // Each with its own prompt from the start: a stage asks for the next image before the last one is stored.
    const arriving = [
      { id: a, seed: 3, promptKey: "p_0" },
      { id: b, seed: 2, promptKey: "p_1" },
      { id: c, seed: 1, promptKey: "p_0" },
    ];
    let left = arriving.length;
    let storing: Promise<unknown> = Promise.resolve();
    const storeNext = async (): Promise<void> => {
      const next = arriving.shift();
      if (next === undefined) return;
      await dataset.storeImage(next.id, await makeImage({ seed: next.seed }), next);
      left--;
    };
    const upstream: Upstream = {
      moreToCome: () => left > 0,
      waitForWork: async () => {
        storing = storing.then(storeNext);
        await storing;
      },
    };
    const { inspected, judged, linked } = await annotate(dataset.context, upstream);
    expect([inspected.done, linked.groups]).toEqual([3, 2]);
    expect(judged.done).toBeGreaterThanOrEqual(2);
  });

  it("ends judging, too, if inspection fails", async () => {
    await using dataset = await openTestDataset();
    await dataset.storeImage(a, await makeImage(), { promptKey: "p_1" });
    const store = { ...dataset.context.store, get: () => Promise.reject(new FatalError("no bucket")) };
    const endless: Upstream = { moreToCome: () => true, waitForWork: (signal) => dataset.context.clock.sleep(60_000, signal) };
    await expect(annotate({ ...dataset.context, store }, endless)).rejects.toThrow("no bucket");
  });
});
