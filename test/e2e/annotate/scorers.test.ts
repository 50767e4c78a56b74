import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createHttpJudge, type HttpJudgeConfig } from "../../../src/judges/http/http.ts";
import { judgeContract, judgeImage } from "../../contracts/judge.ts";
import { requirePythonScorer, startPythonScorer, type PythonScorer } from "../../helpers/python/python-scorer.ts";

// docs/examples/scorers/server.py, as a user starts it, asked by the judge that it is made for.

const { signal } = new AbortController();
const configOf = (url: string, more: Partial<HttpJudgeConfig> = {}): HttpJudgeConfig => ({
  name: "fake",
  kind: "http",
  url,
  version: "1",
  send: "b64",
  headers: {},
  concurrency: 2,
  timeout_s: 20,
  ...more,
});

describe.runIf(requirePythonScorer())("the example scorers", () => {
  let scorer: PythonScorer;
  beforeAll(async () => {
    scorer = await startPythonScorer([]);
  });
  afterAll(() => scorer[Symbol.asyncDispose]());

  judgeContract("server.py --fake", () => createHttpJudge(configOf(scorer.url)));

  it("describe themselves, and return null for a file that is no image", async () => {
    const judge = createHttpJudge(configOf(scorer.url));
    expect(await judge.probe?.(signal)).toBe(`${scorer.url} answers as fake`);
    const nothing = { ...judgeImage("none"), sizeBytes: 0, bytes: () => Promise.resolve(new Uint8Array()) };
    expect(await judge.score("a prompt", [judgeImage("a"), nothing], signal)).toEqual([
      { imageId: "i_a", score: expect.any(Number) },
      { imageId: "i_none", score: null },
    ]);
    await judge.close?.();
  });

  it("accept requests with the token, and refuse others with a message", async () => {
    await using locked = await startPythonScorer([], { SCORER_TOKEN: "let-me-in" });
    const stranger = createHttpJudge(configOf(locked.url));
    await expect(stranger.score("a prompt", [judgeImage("a")], signal)).rejects.toThrow(/401 Unauthorized: .*SCORER_TOKEN/);
    await stranger.close?.();
    const friend = createHttpJudge(configOf(locked.url, { headers: { authorization: "Bearer let-me-in" } }));
    expect(await friend.score("a prompt", [judgeImage("a")], signal)).toHaveLength(1);
    await friend.close?.();
  });

  it("read files below their folder, and no others", async () => {
    const folder = mkdtempSync(join(tmpdir(), "comfy-dpo-files-"));
    writeFileSync(join(folder, "a b.png"), "a");
    await using reading = await startPythonScorer(["--files", folder]);
    const judge = createHttpJudge(configOf(reading.url, { send: "url" }));
    const inside = { ...judgeImage("a"), uri: pathToFileURL(join(folder, "a b.png")).href };
    const sent = createHttpJudge(configOf(reading.url));
    expect(await judge.score("a prompt", [inside], signal)).toEqual(await sent.score("a prompt", [judgeImage("a")], signal));
    await expect(judge.score("a prompt", [{ ...inside, uri: "file:///etc/hostname" }], signal)).rejects.toThrow(
      /403 Forbidden: .*is not below/,
    );
    await expect(judge.score("a prompt", [{ ...inside, uri: "s3://bucket/a.png" }], signal)).rejects.toThrow(/expected b64, or a file/);
    await judge.close?.();
    await sent.close?.();
    rmSync(folder, { recursive: true });
  });
});
