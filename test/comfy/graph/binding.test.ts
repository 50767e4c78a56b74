import { describe, expect, test } from "vitest";
import { resolveBindings } from "../../../src/comfy/graph/binding.ts";
import { bundledGraph, configErrorOf, graphOf } from "./workflow-fixtures.ts";

const sd15 = bundledGraph("sd15");
const seed = "4.seed";

const twoSamplers = graphOf({
  "12:3": ["KSampler", { seed: 1, "model.shift": 2 }, "Sample"],
  "12:4": ["KSampler", { seed: ["30", 0] }, "Sample"],
  "30": ["PrimitiveInt", { value: 5, control_after_generate: "fixed" }, "Seed"],
  "40": ["Loras", { stack: [["a.safetensors", 0.7]], mixed: [["30", 0], "x"], nothing: null }, "A #1. title"],
});

describe("resolveBindings()", () => {
  test("finds places by id, title and class, as the documentation's example writes them", () => {
    expect(
      resolveBindings(sd15, { prompt: "2.text", negative: "title:Negative prompt#text", seed: "class:KSampler#seed", cfg: "4.cfg" }),
    ).toEqual({
      prompt: [{ nodeId: "2", input: "text" }],
      negative: [{ nodeId: "3", input: "text" }],
      seed: [{ nodeId: "4", input: "seed" }],
      cfg: [{ nodeId: "4", input: "cfg" }],
    });
  });

  test("an id ends at the first dot: ids hold colons, inputs hold dots; titles hold anything", () => {
    const bound = resolveBindings(twoSamplers, {
      prompt: "none",
      seed: "12:3.seed",
      shift: "12:3.model.shift",
      stack: "title:A #1. title#stack",
    });
    expect(bound["shift"]).toEqual([{ nodeId: "12:3", input: "model.shift" }]);
    expect(bound["stack"]).toEqual([{ nodeId: "40", input: "stack" }]);
    expect(bound["prompt"]).toEqual([]);
  });

  test("a list binds several places, each once; null holds a place", () => {
    const bound = resolveBindings(twoSamplers, { prompt: ["40.nothing"], seed: ["12:3.seed", "30.value", "title:Seed#value"] });
    expect(bound["seed"]).toEqual([
      { nodeId: "12:3", input: "seed" },
      { nodeId: "30", input: "value" },
    ]);
    expect(bound["prompt"]).toEqual([{ nodeId: "40", input: "nothing" }]);
  });

  test.each<[string, Record<string, string | string[]>, RegExp]>([
    ["a missing node", { prompt: "22.text", seed }, /workflow\.bind\.prompt "22\.text": no node 22[\s\S]*2 \(CLIPTextEncode "Prompt"\)/],
    [
      "a missing input",
      { prompt: "2.txt", seed },
      /node 2 \(CLIPTextEncode "Prompt"\) has no input "txt" \(did you mean "text"\?\)\nTry: its inputs: text, clip/,
    ],
    [
      "an unknown title",
      { prompt: "title:Negativ prompt#text", seed },
      /no node of the title "Negativ prompt".*did you mean "Negative prompt"/,
    ],
    ["an unknown class", { prompt: "class:KSamplr#seed", seed }, /no node of the class "KSamplr".*did you mean "KSampler"/],
    [
      "an ambiguous class",
      { prompt: "class:CLIPTextEncode#text", seed },
      /2 nodes have the class[\s\S]*\n {2}2\.text {2}# node 2 .*\n {2}3\.text {2}#/,
    ],
    [
      "a link",
      { prompt: "4.positive", seed },
      /a link, fed by output 0 of node 2 \(CLIPTextEncode "Prompt"\)\nTry: bind a value there instead: 2\.text$/,
    ],
    ["a place without an input", { prompt: "2", seed }, /expected NODE_ID\.input, title:TITLE#input or class:CLASS#input/],
    ["a place without a node", { prompt: ".text", seed }, /expected NODE_ID\.input/],
    ["a place with an empty input", { prompt: "2.", seed }, /expected NODE_ID\.input/],
    ["a title without an input", { prompt: "title:Prompt", seed }, /expected NODE_ID\.input/],
    ["none in a list", { prompt: ["none", "2.text"], seed }, /none stands alone/],
    ["no seed", { prompt: "2.text", seed: "none" }, /every image of a prompt would be the same/],
    ["one place for two names", { prompt: "2.text", seed, cfg: "class:KSampler#seed" }, /bind\.cfg to 4\.seed: seed is bound to it/],
    ["an inherited name", { prompt: "constructor.name", seed }, /no node constructor/],
    ["an inherited input", { prompt: "2.toString", seed }, /no input "toString"/],
  ])("refuses %s", (_name, bind, message) => {
    expect(configErrorOf(() => resolveBindings(sd15, bind))).toMatch(message);
  });

  test("refuses an ambiguous title, and lists its nodes ready to paste", () => {
    const error = configErrorOf(() => resolveBindings(twoSamplers, { prompt: "none", seed: "title:Sample#seed" }));
    expect(error).toContain('Cannot choose workflow.bind.seed "title:Sample#seed": 2 nodes have the title "Sample"');
    expect(error).toContain('\n  12:3.seed  # node 12:3 (KSampler "Sample")\n  12:4.seed  # ');
  });

  test("refuses a mixed array that holds a link, and names the workflow's place in the configuration", () => {
    const error = configErrorOf(() => resolveBindings(twoSamplers, { prompt: "40.mixed", seed: "30.value" }, { path: "workflows.sdxl" }));
    expect(error).toContain('workflows.sdxl.bind.prompt "40.mixed"');
    expect(error).toContain('fed by output 0 of node 30 (PrimitiveInt "Seed")');
    expect(error).toContain("30.value");
  });
});
