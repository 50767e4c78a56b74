import { describe, expect, it } from "vitest";
import { configDiff, withFreeChanges } from "../../src/config/config-diff.ts";
import type { JsonObject } from "../../src/lib/exact-json.ts";

const BEFORE: JsonObject = {
  dataset: "d",
  seed: 7,
  prompts: { file: "p.txt" },
  workflow: { file: "w.json", bind: { prompt: "2.text", seed: "4.seed" } },
  candidates: { per_prompt: 3, variants: [{ name: "base", set: { cfg: 7 } }] },
  servers: [{ url: "http://a" }, { url: "http://b" }],
};
const lines = (after: JsonObject, before = BEFORE): readonly string[] =>
  configDiff(before, after).map(({ key, from, to, kind }) => `${key}: ${JSON.stringify(from)} → ${JSON.stringify(to)} ${kind}`);

describe("configDiff()", () => {
  it("finds nothing where only the order of keys differs, or workflow is written out", () => {
    const { workflow, ...rest } = BEFORE;
    expect(lines(Object.fromEntries(Object.entries(BEFORE).toReversed()))).toEqual([]);
    expect(lines({ ...rest, workflows: { main: workflow! } })).toEqual([]);
  });

  it("names each key with its old and new value, and a section that was not written key by key", () => {
    expect(
      lines({ ...BEFORE, seed: 8, candidates: { ...(BEFORE["candidates"] as JsonObject), per_prompt: 4 }, generate: { window: 4 } }),
    ).toEqual(["seed: 7 → 8 fixed", "candidates.per_prompt: 3 → 4 candidates", "generate.window: undefined → 4 free"]);
    const { prompts: _prompts, ...without } = BEFORE;
    expect(lines(without)).toEqual(['prompts.file: "p.txt" → undefined candidates']);
  });

  it("tells servers and variants apart by their names", () => {
    const variants = [{ name: "new" }, { name: "base", set: { cfg: 8 } }];
    expect(lines({ ...BEFORE, servers: [{ url: "http://b" }, { url: "http://c" }], candidates: { per_prompt: 3, variants } })).toEqual([
      'candidates.variants[new]: undefined → {"name":"new"} candidates',
      "candidates.variants[base].set.cfg: 7 → 8 fixed",
      'servers[http://c]: undefined → {"url":"http://c"} free',
      'servers[http://a]: {"url":"http://a"} → undefined free',
    ]);
  });

  it.each([
    [{ store: { uri: "s3://b/p" } }, "free"],
    [{ store: { region: "eu" } }, "free"],
    [{ harvest: { concurrency: 2 } }, "free"],
    [{ annotate: { criteria: ["a"] } }, "free"],
    [{ export: { gzip: true } }, "free"],
    [{ dir: "x" }, "free"],
    [{ workflow: { ...(BEFORE["workflow"] as JsonObject), allow_nodes: "any" } }, "free"],
    [{ workflow: { ...(BEFORE["workflow"] as JsonObject), file: "v.json" } }, "fixed"],
    [{ prompts: { file: "p.txt", template: "{prompt}!" } }, "fixed"],
    [{ prompts: { file: "q.txt" } }, "candidates"],
    [{ candidates: { ...(BEFORE["candidates"] as JsonObject), seeds: [1, 2] } }, "candidates"],
  ] as const)("%j is %s", (change, kind) => {
    expect(configDiff(BEFORE, { ...BEFORE, ...change }).map((each) => each.kind)).toEqual([kind]);
  });
});

describe("withFreeChanges()", () => {
  it("takes what may change freely and leaves the rest to the next plan", () => {
    const after = { ...BEFORE, seed: 9, prompts: { file: "q.txt" }, servers: [{ url: "http://c" }], harvest: { concurrency: 1 } };
    expect(configDiff(withFreeChanges(BEFORE, after), after).map(({ key }) => key)).toEqual(["seed", "prompts.file"]);
  });
});
