import { expect, it } from "vitest";
import type { Judge } from "../../../../src/judges/judge.ts";
import { estimateJudging } from "../../../../src/stages/annotate/judge/estimate-judging.ts";
import { imageId, openTestDataset } from "../../../helpers/annotated-dataset.ts";

const one: Judge = {
  name: "pick",
  version: "2",
  technical: false,
  requestsFor: (images) => images.length,
  score: () => Promise.reject(new Error("nobody is asked")),
};

it("counts what is left for each judge, with the scores of older versions", async () => {
  await using dataset = await openTestDataset();
  for (const [group, names] of [
    ["p_1", ["a", "b"]],
    ["p_2", ["c", "d", "e"]],
  ] as const) {
    for (const name of names) {
      dataset.addImage(imageId(name), { promptKey: group });
      dataset.addInspection(imageId(name));
    }
  }
  dataset.addImage(imageId("f"), { promptKey: "p_2" }); // Not looked at yet: `judge` will, first.
  dataset.addImage(imageId("broken"), { promptKey: "p_1" });
  dataset.addInspection(imageId("broken"), { error: "no image" });
  dataset.addImage(imageId("g"), { promptKey: "p_running" });
  dataset.addJob("running", { promptKey: "p_running", state: "submitted" });
  for (const name of ["a", "b"]) dataset.addScore(imageId(name), 1, { judge: "pick", version: "1" });
  dataset.addImage(imageId("out"), { promptKey: "p_1", state: "excluded" });
  for (const version of ["1", "2"]) dataset.addScore(imageId("out"), 1, { judge: "pick", version });
  dataset.addScore(imageId("c"), null, { judge: "pick", version: "2" });

  const relative = { ...one, name: "vlm", version: "x", relative: true };
  dataset.addScore(imageId("c"), 1, { judge: "vlm", version: "x" });
  expect(estimateJudging(dataset.db, [one, relative, ...dataset.context.judges])).toEqual([
    { judge: "pick", version: "2", groups: 2, images: 5, requests: 5, scored: 1, scoredBefore: { 1: 2 }, bound: null },
    { judge: "vlm", version: "x", groups: 2, images: 6, requests: 6, scored: 1, scoredBefore: {}, bound: null },
    { judge: "quality", version: "1", groups: 2, images: 6, requests: 0, scored: 0, scoredBefore: {}, bound: null },
  ]);
});

it("counts the runs that max_requests requires, and the groups that fit in no run", async () => {
  await using dataset = await openTestDataset();
  for (const [prompt, count] of [4, 4, 1, 4, 2].entries()) {
    for (let index = 0; index < count; index++) {
      dataset.addImage(imageId(`${prompt}${index}`), { promptKey: `p_${prompt}` });
      dataset.addInspection(imageId(`${prompt}${index}`));
    }
  }
  const boundOf = (maxRequests: number, judge: Partial<Judge> = {}) =>
    estimateJudging(dataset.db, [{ ...one, ...judge, maxRequests }])[0]?.bound;
  // 4 | 4 1 | 4 2: 15 requests, and no group is begun that does not fit whole.
  expect(boundOf(7)).toEqual({ maxRequests: 7, runs: 3, groupsTooLarge: 0, largestGroup: 4 });
  expect(boundOf(8)).toMatchObject({ runs: 2 });
  expect(boundOf(15)).toMatchObject({ runs: 1 });
  expect(boundOf(3)).toEqual({ maxRequests: 3, runs: 1, groupsTooLarge: 3, largestGroup: 4 });
  expect(boundOf(1, { requestsFor: () => 0 })).toEqual({ maxRequests: 1, runs: 0, groupsTooLarge: 0, largestGroup: 0 });
});
