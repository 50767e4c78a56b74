import { expect, it } from "vitest";
import { calibrationTables } from "../../../../src/commands/report/calibration.ts";
import type { Judge } from "../../../../src/judges/judge.ts";
import { calibrate } from "../../../../src/stages/annotate/calibrate/calibrate.ts";
import { imageId, openTestDataset, type TestDataset } from "../../../helpers/annotated-dataset.ts";

const judge = (name: string, technical = false): Judge => ({ name, version: "1", technical, score: () => Promise.resolve([]) });
const JUDGES = [judge("quality", true), judge("pickscore")];

/** A prompt of two images; people prefer the first. */
function addVoted(
  dataset: TestDataset,
  prompt: number,
  { pickscore, criterion = "overall" }: { pickscore: number; criterion?: string },
): void {
  const promptKey = `p_${prompt}`;
  const ids = [imageId(`${prompt}a`), imageId(`${prompt}b`)] as const;
  for (const [index, id] of ids.entries()) {
    dataset.addImage(id, { promptKey });
    dataset.addInspection(id);
    dataset.addScore(id, index === 0 ? pickscore : 0, { judge: "pickscore" });
    dataset.addScore(id, index === 0 ? 0 : 99, { judge: "pickscore", version: "0" });
  }
  dataset.addVote(`v${prompt}`, { promptKey, shown: ids, ranking: [[ids[0]], [ids[1]]], criterion });
}

it("compares each judge's configured version with people, on the filtered images of final groups", async () => {
  await using dataset = await openTestDataset({ filters: { near_duplicate: 0 }, criteria: ["overall", "style"] });
  for (let prompt = 0; prompt < 8; prompt++) addVoted(dataset, prompt, { pickscore: prompt < 6 ? 1 + prompt : -0.5 });
  addVoted(dataset, 8, { pickscore: 5 });
  dataset.db.client.prepare("update images set state = 'excluded', reason = 'by hand' where image_id = ?").run(imageId("8a"));
  addVoted(dataset, 9, { pickscore: 5 });
  dataset.addJob("more", { promptKey: "p_9", state: "planned" });
  const needs = { ...dataset.context, judges: JUDGES, precision: 0.6 };
  const [quality, pickscore, ...others] = await calibrate(needs);
  expect(others).toEqual([]); // Nobody voted on style.
  expect(quality).toMatchObject({ judge: "quality", isTechnical: true, all: null, unscored: 8 });
  expect(pickscore).toMatchObject({ judge: "pickscore", criterion: "overall", isTechnical: false, all: { pairs: 8, share: 0.75 } });
  expect(pickscore?.threshold).toMatchObject({ minMargin: 1, pairs: 6, isSure: true });

  const html = calibrationTables([quality!, pickscore!], { precision: 0.6, severalCriteria: true });
  expect(html).toContain("quality under overall (a technical score, not preference)");
  expect(html).toContain("From margin 1 on it is at 60.0 % or more: 100.0 % (61.0 % to 100.0 %) of 6 pairs from 6 prompts.");
  expect(html).toContain("Left out: 8 without a score.");
});

it("compares the combination if a pair set uses it", async () => {
  await using dataset = await openTestDataset({ filters: { near_duplicate: 0 }, pairs: { main: { from: ["combined"] } } });
  addVoted(dataset, 1, { pickscore: 1 });
  for (const [name, score] of [
    ["1a", 0.1],
    ["1b", 0.9],
  ] as const)
    dataset.addScore(imageId(name), score);
  const found = await calibrate({ ...dataset.context, judges: JUDGES.slice(0, 1), precision: 0.9 });
  expect(found.map(({ judge: name, all, isTechnical }) => [name, all?.share, isTechnical])).toEqual([
    ["quality", 0, true],
    ["combined", 0, true],
  ]);
});

it("returns nothing if nobody voted", async () => {
  await using dataset = await openTestDataset();
  expect(await calibrate({ ...dataset.context, judges: JUDGES, precision: 0.9 })).toEqual([]);
  expect(calibrationTables([], { precision: 0.9, severalCriteria: false })).toBe("");
});
