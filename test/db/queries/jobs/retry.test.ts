import { afterEach, beforeEach, expect, it } from "vitest";
import { retryImages } from "../../../../src/db/queries/jobs/retry.ts";
import { countReasons } from "../../../../src/db/queries/overview/summary.ts";
import { REJECT_REASONS } from "../../../../src/errors.ts";
import { imageId, openTestDataset, type TestDataset } from "../../../helpers/annotated-dataset.ts";

let dataset: TestDataset;
beforeEach(async () => {
  dataset = await openTestDataset();
});
afterEach(() => dataset[Symbol.asyncDispose]());

it("rejected images are counted under every reason, and put back by each alone", () => {
  const { db } = dataset;
  const ids = REJECT_REASONS.map((_, index) => imageId(`image ${index}`));
  for (const [index, id] of ids.entries()) {
    dataset.addImage(id, { promptKey: "p_1", state: "rejected" });
    db.client.prepare("update images set reason = ? where image_id = ?").run(REJECT_REASONS[index], id);
  }
  expect(new Set(countReasons(db).map(({ what, reason, count }) => `${what} ${reason} ${count}`))).toEqual(
    new Set(REJECT_REASONS.map((reason) => `image ${reason} 1`)),
  );
  for (const [index, reason] of REJECT_REASONS.entries()) {
    expect(retryImages(db, { reason, id: null, variant: null })).toBe(1);
    expect(db.client.prepare("select state from jobs where job = ?").pluck().get(`job-${ids[index]}`)).toBe("planned");
    expect(countReasons(db)).toHaveLength(REJECT_REASONS.length - index - 1);
  }
});
