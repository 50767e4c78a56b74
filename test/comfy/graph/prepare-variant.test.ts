import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { resolveBindings, type Bindings } from "../../../src/comfy/graph/binding.ts";
import { type ApiGraph, withInputs } from "../../../src/comfy/graph/graph.ts";
import { prepareVariant, type BoundWorkflow, type VariantSettings } from "../../../src/comfy/graph/prepare-variant.ts";
import { canonicalJson, stringifyExact, type Json, type JsonObject } from "../../../src/lib/exact-json.ts";
import { bundledGraph, configErrorOf } from "./workflow-fixtures.ts";

const graph = bundledGraph("sd15");
const bindings = resolveBindings(graph, {
  prompt: "2.text",
  negative: "3.text",
  seed: "4.seed",
  cfg: "4.cfg",
  width: "5.width",
  size: ["5.height"],
  steps: "4.steps",
});
const workflow: BoundWorkflow = { graph, bindings, outputs: ["7"] };
const settings: VariantSettings = { variant: "base", set: {}, perJob: ["prompt", "seed"] };

const prepare = (change: Partial<VariantSettings> = {}, from: Partial<BoundWorkflow> = {}) =>
  prepareVariant({ ...workflow, ...from }, { ...settings, ...change });
const hash = (change?: Partial<VariantSettings>, from?: Partial<BoundWorkflow>) => prepare(change, from).workflowSha256;
const graphWith = (nodeId: string, input: string, value: Json): ApiGraph => withInputs(graph, [[{ nodeId, input }, value]]);

describe("prepareVariant()", () => {
  test("sets bound names and places, and leaves the workflow as it was", () => {
    const before = stringifyExact(graph);
    const { graph: prepared } = prepare({
      set: { cfg: 2.5, "5.height": 768, "class:KSampler#steps": 30n, "title:Load Checkpoint#ckpt_name": "x.safetensors" },
    });
    expect(prepared["4"]?.inputs).toMatchObject({ cfg: 2.5, steps: 30 });
    expect(prepared["5"]?.inputs).toMatchObject({ width: 512, height: 768 });
    expect(prepared["1"]?.inputs).toEqual({ ckpt_name: "x.safetensors" });
    expect(stringifyExact(graph)).toBe(before);
  });

  test("text becomes the number that the input holds", () => {
    expect(prepare({ set: { cfg: "2.5" } }).graph["4"]?.inputs["cfg"]).toBe(2.5);
    expect(configErrorOf(() => prepare({ set: { cfg: "high" } }))).toContain(
      'Cannot set cfg to "high" in variant base: input "cfg" of node 4 (KSampler) holds 7',
    );
  });

  test.each<[string, JsonObject, RegExp]>([
    ["what each job fills", { seed: 7 }, /Cannot set seed to 7 in variant base: each job has its own seed/],
    ["the same by its place", { "2.text": "x" }, /each job has its own prompt/],
    ["the prefix", { "7.filename_prefix": "x" }, /the program names the files/],
    ["one place twice", { cfg: 7, "4.cfg": 8 }, /Cannot set 4\.cfg to 8 in variant base: cfg sets 4\.cfg too/],
    ["an unknown name", { cgf: 7 }, /binds no "cgf" \(did you mean "cfg"\?\)/],
    ["a missing place", { "99.cfg": 7 }, /no node 99/],
    ["a link", { "4.model": "x" }, /a link, fed by output 0 of node 1/],
  ])("refuses to set %s", (_name, set, message) => {
    expect(configErrorOf(() => prepare({ set }))).toMatch(message);
  });

  test("refuses a column that the workflow does not bind; none says that it takes no such value", () => {
    expect(configErrorOf(() => prepare({ perJob: ["prompt", "seed", "widht"] }))).toMatch(
      /"widht".*does not bind it \(did you mean "width"\?\)/,
    );
    const none: Bindings = { ...bindings, negative: [] };
    expect(() => prepare({ perJob: ["prompt", "seed", "negative"] }, { bindings: none })).not.toThrow();
    expect(configErrorOf(() => prepare({ set: { negative: "x" } }, { bindings: none }))).toContain('binds "negative" to none');
  });

  test("refuses to bind the prefix of an output", () => {
    const places = [{ nodeId: "7", input: "filename_prefix" }];
    expect(configErrorOf(() => prepare({}, { bindings: { ...bindings, name: places } }))).toContain(
      "Cannot bind name to 7.filename_prefix",
    );
  });

  test("params are the values set and those of bound inputs that no job fills", () => {
    expect(prepare({ set: { cfg: 2.5, "4.denoise": 0.5 } }).params).toEqual({
      negative: "",
      cfg: 2.5,
      width: 512,
      size: 512,
      steps: 20,
      "4.denoise": 0.5,
    });
    const twoPlaces = { ...bindings, both: [...(bindings["cfg"] ?? []), ...(bindings["steps"] ?? [])] };
    expect(prepare({}, { bindings: twoPlaces }).params).not.toHaveProperty("both");
  });

  test("drops savers that are no outputs", () => {
    const extra = { ...graph, "8": { class_type: "SaveImage", inputs: { images: ["6", 0], filename_prefix: "mine" } } };
    expect(Object.keys(prepare({}, { graph: extra }).graph)).toEqual(["1", "2", "3", "4", "5", "6", "7"]);
  });
});

describe("workflow_sha256", () => {
  test("is pinned: another value would make every user's dataset a different one", () => {
    const constant = withInputs(graph, [
      [{ nodeId: "2", input: "text" }, undefined],
      [{ nodeId: "4", input: "seed" }, undefined],
      [{ nodeId: "7", input: "filename_prefix" }, undefined],
    ]);
    const bare = Object.fromEntries(Object.entries(constant).map(([id, { class_type, inputs }]) => [id, { class_type, inputs }]));
    expect(hash()).toBe(createHash("sha256").update(canonicalJson(bare)).digest("hex"));
    expect(
      hash({}, { graph: bundledGraph("tiny"), bindings: { prompt: [], seed: [{ nodeId: "2", input: "seed" }] }, outputs: ["3"] }),
    ).toBe(
      createHash("sha256")
        .update(
          '{"1":{"class_type":"EmptyImage","inputs":{"batch_size":1,"color":3368601,"height":64,"width":64}},"2":{"class_type":"ImageAddNoise","inputs":{"image":["1",0],"strength":0.5}},"3":{"class_type":"SaveImage","inputs":{"images":["2",0]}}}',
        )
        .digest("hex"),
    );
  });

  test("does not depend on prompt, seed, prefix, columns, titles, key order, or savers that are not sent", () => {
    const base = hash();
    for (const [nodeId, input, value] of [
      ["2", "text", "other"],
      ["4", "seed", 99],
      ["7", "filename_prefix", "mine"],
    ] as const) {
      expect(hash({}, { graph: graphWith(nodeId, input, value) })).toBe(base);
    }
    const untitled = Object.fromEntries(
      Object.entries(graph)
        .toReversed()
        .map(([id, { class_type, inputs }]) => [id, { inputs, class_type }]),
    );
    expect(hash({}, { graph: untitled })).toBe(base);
    expect(hash({}, { graph: { ...graph, "8": { class_type: "PreviewImage", inputs: { images: ["6", 0] } } } })).toBe(base);
    const byColumn = ["prompt", "seed", "negative", "width"];
    expect(hash({ perJob: byColumn }, { graph: graphWith("3", "text", "blurry") })).toBe(
      hash({ perJob: byColumn }, { graph: graphWith("5", "width", 8) }),
    );
  });

  test("depends on everything else, a constant negative prompt included", () => {
    const others = [
      hash(),
      hash({ set: { cfg: 2.5 } }),
      hash({ perJob: ["prompt", "seed", "negative"] }),
      hash({}, { graph: graphWith("3", "text", "blurry") }),
      hash({}, { graph: graphWith("5", "width", 8) }),
      hash({}, { graph: graphWith("4", "model", ["1", 1]) }),
      hash({}, { graph: { ...graph, "9": { class_type: "ImageInvert", inputs: {} } } }),
    ];
    expect(new Set(others).size).toBe(others.length);
  });

  test("is the same for a value written as a number, a bigint or text", () => {
    expect(hash({ set: { steps: 30n } })).toBe(hash({ set: { steps: 30 } }));
    expect(hash({ set: { steps: "30" } })).toBe(hash({ set: { steps: 30 } }));
  });
});
