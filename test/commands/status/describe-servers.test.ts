import { expect, it } from "vitest";
import { describeServers } from "../../../src/commands/status/describe-servers.ts";
import { rememberServer } from "../../../src/db/queries/jobs/servers.ts";
import { openTestDataset } from "../../helpers/annotated-dataset.ts";

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
