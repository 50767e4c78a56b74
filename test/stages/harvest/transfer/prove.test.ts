import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { walkPng } from "../../../../src/images/formats/png.ts";
import { walker } from "../../../../src/images/formats/walk.ts";
import { namesJob, proveJob } from "../../../../src/stages/harvest/transfer/prove.ts";

const proof = { outputNodeId: "9:1", filenamePrefix: "parti/0ab/0abc" };
const graph = (prefix: unknown, seed = "18446744073709551615") =>
  `{"3":{"class_type":"KSampler","inputs":{"seed":${seed}}},"9:1":{"class_type":"SaveImage","inputs":{"images":["3",0],"filename_prefix":${JSON.stringify(prefix)}}}}`;

describe("namesJob()", () => {
  test("true for the job's own prefix at its output node", () => {
    expect(namesJob(graph("parti/0ab/0abc"), proof)).toBe(true);
  });

  test("true for an image of ComfyUI whose graph holds NaN, as a node that always runs leaves it", () => {
    const image = readFileSync(join(import.meta.dirname, "../../../fixtures/python-json/nan_in_prompt.png"));
    const walk = walker(walkPng());
    walk.feed(image);
    const embedded = walk.result()?.embeddedPrompt ?? "";
    expect(embedded).toContain('"is_changed": [NaN]');
    expect(proveJob(embedded, { outputNodeId: "9", filenamePrefix: "set/0ab/0ab1", mayLackPrompt: false })).toBe("proven");
  });

  test.each(["NaN", "Infinity", "-Infinity"])("true for a graph that holds %s anywhere", (constant) => {
    expect(namesJob(graph("parti/0ab/0abc", constant), proof)).toBe(true);
  });

  test.each([
    ["another prefix", graph("parti/0ab/0abd")],
    ["a longer prefix", graph("parti/0ab/0abc1")],
    ["a linked prefix", graph(["3", 0])],
    [
      "another node's prefix",
      graph("x").replace(
        '"3":{"class_type":"KSampler","inputs":{',
        '"3":{"class_type":"SaveImage","inputs":{"filename_prefix":"parti/0ab/0abc",',
      ),
    ],
    ["no such node", "{}"],
    ["a prototype's node", '{"__proto__":{"9:1":{"inputs":{"filename_prefix":"parti/0ab/0abc"}}}}'],
    ["a node without inputs", '{"9:1":{}}'],
    ["a list", "[]"],
    ["null", "null"],
    ["another node with Python's NaN", '{"1":NaN}'],
    ["a graph nested too deeply", "[".repeat(50_000) + "]".repeat(50_000)],
    ["nothing", ""],
  ])("false for %s", (_what, embedded) => {
    expect(namesJob(embedded, proof)).toBe(false);
  });
});

describe("proveJob()", () => {
  test("an image without a prompt is unproven where that may be, else refused", () => {
    expect(proveJob(null, { ...proof, mayLackPrompt: true })).toBe("unproven");
    expect(() => proveJob(null, { ...proof, mayLackPrompt: false })).toThrow("embeds no prompt");
  });

  test("a prompt that is there must be the job's, even where it may lack", () => {
    expect(proveJob(graph("parti/0ab/0abc"), { ...proof, mayLackPrompt: true })).toBe("proven");
    expect(() => proveJob(graph("other"), { ...proof, mayLackPrompt: true })).toThrow("another job's");
  });
});
