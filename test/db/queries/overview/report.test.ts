import { expect, it } from "vitest";
import { scoreHistogram } from "../../../../src/db/queries/overview/report.ts";
import { imageId, openTestDataset } from "../../../helpers/annotated-dataset.ts";

it("spreads the scores of each configured version alone, over its own range, and of stored images only", async () => {
  await using dataset = await openTestDataset();
  for (const [index, name] of ["a", "b", "c"].map(imageId).entries()) {
    dataset.addImage(name, { promptKey: "p_1" });
    dataset.addScore(name, index, { judge: "pick", version: "2" });
    dataset.addScore(name, 100 * index, { judge: "pick", version: "1" });
    dataset.addScore(name, index, { judge: "gone", version: "1" });
    dataset.addScore(name, 7, { judge: "flat", version: "1" });
  }
  for (const [name, state] of [
    ["x", "excluded"],
    ["y", "rejected"],
  ] as const) {
    dataset.addImage(imageId(name), { promptKey: "p_1", state });
    dataset.addScore(imageId(name), 50, { judge: "pick", version: "2" });
  }
  const configured = [
    { judge: "pick", version: "2" },
    { judge: "flat", version: "1" },
    { judge: "silent", version: "1" },
  ];
  expect(scoreHistogram(dataset.db, configured)).toEqual([
    { judge: "pick", bin: 0, count: 1, low: 0, high: 2 },
    { judge: "pick", bin: 10, count: 1, low: 0, high: 2 },
    { judge: "pick", bin: 19, count: 1, low: 0, high: 2 },
    { judge: "flat", bin: 0, count: 3, low: 7, high: 7 },
  ]);
  expect(scoreHistogram(dataset.db, [])).toEqual([]);
});
