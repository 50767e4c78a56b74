import { expect, it } from "vitest";
import type { Judge } from "../../../src/judges/judge.ts";
import { costOfJudging } from "../../../src/stages/judge/cost-of-judging.ts";
import { imageId, openTestDataset } from "../../helpers/annotated-dataset.ts";

const one: Judge = {
  name: "pick",
  version: "2",
  technical: false,
  requestsFor: (images) => images.length,
  score: () => Promise.reject(new Error("nobody is asked")),
};

it("counts what is left of each judge, with what older versions said", async () => {
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
  dataset.addInspection(imageId("broken"), { error: "no picture" });
  dataset.addImage(imageId("g"), { promptKey: "p_running" });
  dataset.addJob("running", { promptKey: "p_running", state: "submitted" });
  for (const name of ["a", "b"]) dataset.addScore(imageId(name), 1, { judge: "pick", version: "1" });
  dataset.addImage(imageId("out"), { promptKey: "p_1", state: "excluded" });
  for (const version of ["1", "2"]) dataset.addScore(imageId("out"), 1, { judge: "pick", version });
  dataset.addScore(imageId("c"), null, { judge: "pick", version: "2" });

  const relative = { ...one, name: "vlm", version: "x", relative: true };
  dataset.addScore(imageId("c"), 1, { judge: "vlm", version: "x" });
  expect(costOfJudging(dataset.db, [one, relative, ...dataset.context.judges])).toEqual([
    { judge: "pick", version: "2", groups: 2, images: 5, requests: 5, scored: 1, scoredBefore: { 1: 2 } },
    { judge: "vlm", version: "x", groups: 2, images: 6, requests: 6, scored: 1, scoredBefore: {} },
    { judge: "quality", version: "1", groups: 2, images: 6, requests: 0, scored: 0, scoredBefore: {} },
  ]);
});
