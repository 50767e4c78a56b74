import { expect, it } from "vitest";
import { describeJudging } from "../../../src/commands/status/describe-judging.ts";
import { builtinJudge } from "../../../src/judges/builtin.ts";
import { link } from "../../../src/stages/annotate/link/link.ts";
import { imageId, openTestDataset } from "../../helpers/annotated-dataset.ts";

const { version } = builtinJudge({ name: "quality" });
const [A, B] = [imageId("a"), imageId("b")];

it("says how far judges and people are, what a judge could not tell, and what is linked", async () => {
  await using set = await openTestDataset();
  set.addPrompt("p_1");
  for (const name of [A, B]) {
    set.addImage(name, { promptKey: "p_1" });
    set.addInspection(name);
  }
  set.addScore(A, 0.5, { judge: "quality", version });
  set.addScore(B, null, { judge: "quality", version });
  set.addScore(B, 0.1, { judge: "quality", version: "of-before" });
  set.addImage(imageId("c"), { promptKey: "p_1", state: "excluded" });
  set.addScore(imageId("c"), null, { judge: "quality", version }); // It was there when it was scored.
  set.addVote("v1", { promptKey: "p_1", shown: [A, B], ranking: [[A], [B]] });
  const context = set.with({ judges: [{ kind: "builtin", name: "quality" }], pairs: { main: { from: ["people"] } } });

  expect(describeJudging(context, 2).fields).toMatchObject({ votes: 1, rows_linked: { main: 0 } });
  await link(context);

  expect(describeJudging(context, 2)).toEqual({
    lines: [
      `judge       quality (${version}) scored 2 of 2 stored images, 1 of them null: it could not tell`,
      "votes       1 by 1 person on 1 prompt",
      "pairs       main: 1 row linked",
    ],
    fields: { judges: [{ judge: "quality", version, scored: 2, not_told: 1 }], votes: 1, rows_linked: { main: 1 } },
  });
});
