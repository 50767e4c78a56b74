import { describe, expect, test } from "vitest";
import type { Json } from "../../../src/lib/exact-json.ts";
import { graphOf } from "./workflow-fixtures.ts";
import { asReference, referencesIn } from "../../../src/comfy/graph/graph.ts";

const graph = graphOf({ "4": ["CheckpointLoaderSimple", {}], "12:7": ["CLIPTextEncode", {}], "node a": ["VAEDecode", {}] });

describe("asReference()", () => {
  test.each<[Json, { nodeId: string; output: number }]>([
    [["4", 0], { nodeId: "4", output: 0 }],
    [["12:7", 2], { nodeId: "12:7", output: 2 }],
    [["euler", 1], { nodeId: "euler", output: 1 }],
    [["4", -1], { nodeId: "4", output: -1 }],
  ])("%j is a link", (value, reference) => {
    expect(asReference(value)).toEqual(reference);
  });

  test("a bigint index is a link, though to no output that exists", () => {
    expect(asReference(["4", 18446744073709551615n])).toEqual({ nodeId: "4", output: 2 ** 64 });
  });

  test.each<[Json]>([
    [["lora.safetensors", 0.7]],
    [[4, 0]],
    [["4"]],
    [["4", 0, 0]],
    [["4", "0"]],
    [["4", null]],
    [[]],
    [null],
    ["4"],
    [7],
    [{ "0": "4", "1": 0 }],
  ])("%j is a constant", (value) => {
    expect(asReference(value)).toBeUndefined();
  });
});

describe("referencesIn()", () => {
  test.each<[string, Json, readonly string[]]>([
    ["a plain link", ["4", 0], ["4"]],
    ["a link to nowhere", ["99", 0], ["99"]],
    ["a mixed array, each element on its own", [["4", 0], "x", 3, null, ["12:7", 1]], ["4", "12:7"]],
    [
      "two links, which look like no link themselves",
      [
        ["4", 0],
        ["node a", 0],
      ],
      ["4", "node a"],
    ],
    ["a nested dangling link that looks like an editor's", [["99", 0], "x"], ["99"]],
    ["a composite constant", [["lora.safetensors", 0.7]], []],
    ["a composite constant with a whole number", [["lora.safetensors", 1]], []],
    [
      "composite constants beside a link",
      [
        ["lora.safetensors", 1],
        ["4", 1],
      ],
      ["4"],
    ],
    [
      "deeper lists",
      [
        [
          ["4", 0],
          ["style", 2],
        ],
      ],
      ["4"],
    ],
    ["an object, which holds constants only", { __value__: ["4", 0] }, []],
    ["null", null, []],
    ["nothing", [], []],
  ])("%s", (_name, value, ids) => {
    expect(referencesIn(graph, value).map((reference) => reference.nodeId)).toEqual(ids);
  });

  test("an id that every object inherits is no node", () => {
    expect(referencesIn(graph, [["constructor", 0], "x"])).toEqual([]);
  });
});
