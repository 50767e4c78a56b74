import { expect, it } from "vitest";
import { describeJudging, describeServers } from "../../../src/commands/status/status.ts";
import { rememberServer } from "../../../src/db/queries/jobs/servers.ts";
import { createBuiltinJudge } from "../../../src/judges/builtin.ts";
import { link } from "../../../src/stages/annotate/link/link.ts";
import { imageId, openTestDataset } from "../../helpers/annotated-dataset.ts";

const { version } = createBuiltinJudge({ name: "quality" });
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

it("says when a server was last seen, never that it is up now, and which ones have left the configuration", async () => {
  await using dataset = await openTestDataset();
  const { db, context } = dataset;
  const [server] = context.config.servers;
  const url = server?.url ?? "";
  rememberServer(db, url, { state: "up", detail: "0.3.64", seenAtMs: 1_000 });
  rememberServer(db, "http://gone:8188", { state: "down", detail: `first line\nsecond ${"word ".repeat(60)}` });
  const texts = describeServers(context, 1_000 + 12 * 60_000).map(({ url: at, text }) => `${at} ${text}`);
  expect(texts).toContain(`${url} up when last seen, 12 min ago (ComfyUI 0.3.64)`);
  expect(texts.find((text) => text.includes("gone"))).toMatch(
    /down, never seen up \(first line second .*word…\), no longer in the configuration$/,
  );
});
