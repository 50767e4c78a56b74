import { expect, it } from "vitest";
import { contactSheet } from "../../../src/commands/report/contact-sheet.ts";
import { link } from "../../../src/stages/annotate/link/link.ts";
import { imageId, openTestDataset } from "../../helpers/annotated-dataset.ts";

it("shows who decided, the score that decided, and why an image is in no row", async () => {
  await using dataset = await openTestDataset({ filters: { near_duplicate: 0 } });
  const [chosen, loser, flagged, unshown] = ["a", "b", "c", "d"].map(imageId) as [string, string, string, string];
  for (const [index, id] of [chosen, loser, flagged, unshown].entries()) {
    dataset.addImage(id, { promptKey: "p_1" });
    dataset.addInspection(id);
    dataset.addScore(id, 0.111 * (index + 1)); // The judge prefers the others: nothing of it may show.
  }
  const vote = { promptKey: "p_1", shown: [chosen, loser, flagged], ranking: [[chosen], [loser]] };
  dataset.addVote("v1", { ...vote, flags: { [flagged]: ["nsfw"] } });
  await link(dataset.context);

  const html = await contactSheet(dataset.context);
  expect(html).toContain("decided by people, 1 vote");
  expect(html).toMatch(/<b>chosen<\/b> · people 1\.000/);
  expect(html).toMatch(/<b>rejected<\/b> · people 0\.\d{3}/);
  expect(html).toContain("<b>not used</b> · flagged by people");
  expect(html).toContain("<b>not used</b> · nobody who decides said anything of it");
  for (const score of ["0.111", "0.222", "0.333", "0.444"]) expect(html).not.toContain(score);
});

it("names the judge where one decided", async () => {
  await using dataset = await openTestDataset({ filters: { near_duplicate: 0 } });
  for (const [name, score] of [
    ["a", 0.75],
    ["b", 0.25],
  ] as const) {
    dataset.addImage(imageId(name), { promptKey: "p_1" });
    dataset.addInspection(imageId(name));
    dataset.addScore(imageId(name), score);
  }
  await link(dataset.context);
  const html = await contactSheet(dataset.context);
  expect(html).toContain("The first linked prompt<");
  expect(html).toContain("decided by judge:quality");
  expect(html).toContain("<b>chosen</b> · judge:quality 0.750");
});
