import { describe, expect, test } from "vitest";
import { graphProblems, upstreamOf, type GraphProblemOptions, findCycles } from "../../../src/comfy/nodes/graph-problems.ts";
import { type ApiGraph, withInputs } from "../../../src/comfy/graph/graph.ts";
import type { Json, JsonObject } from "../../../src/lib/exact-json.ts";
import { bundledGraph, graphOf, newerServer, recordedGraph, recordedObjectInfo } from "../graph/workflow-fixtures.ts";
import * as fc from "fast-check";

const objectInfo = recordedObjectInfo({ checkpoints: ["SD15/v1-5-pruned-emaonly.safetensors", "sd_xl_base_1.0.safetensors"] });
const bundled = bundledGraph("sd15");
/** With a checkpoint that the server has. */
const sd15 = withInputs(bundled, [[{ nodeId: "1", input: "ckpt_name" }, "sd_xl_base_1.0.safetensors"]]);

/** The sd15 workflow with one input changed; undefined takes it out. */
function sd15With(nodeId: string, input: string, value: Json | undefined): ApiGraph {
  return withInputs(sd15, [[{ nodeId, input }, value]]);
}

function problemsOf(graph: ApiGraph, options?: GraphProblemOptions): readonly string[] {
  return graphProblems(graph, options).map(({ kind, message }) => `${kind}: ${message}`);
}

describe("graphProblems()", () => {
  test.each([
    "workflow_tiny",
    "workflow_checkpoint_sd15",
    "workflow_slow_interruptible",
    "workflow_load_image",
    "workflow_progress_and_binary_preview",
  ])("finds nothing wrong with the links of the recorded %s", (name) => {
    expect(graphProblems(recordedGraph(name))).toEqual([]);
  });

  test("finds nothing wrong with what the recorded server ran", () => {
    for (const name of ["workflow_tiny", "workflow_slow_interruptible", "workflow_load_image"]) {
      expect(graphProblems(recordedGraph(name), { objectInfo })).toEqual([]);
    }
  });

  test("names the input that the recorded server found missing, and ignores it where its output is not wanted", () => {
    const graph = recordedGraph("workflow_one_bad_output_of_two");
    expect(problemsOf(graph, { objectInfo })).toEqual([
      'missing-input: node 8 (SaveImage): required input "filename_prefix" (STRING) is missing',
    ]);
    expect(graphProblems(graph, { objectInfo, outputs: ["3"] })).toEqual([]);
  });

  test("a dangling link names the node by id, class and title", () => {
    const graph = graphOf({ "12:3": ["VAEDecode", { samples: ["99", 0], vae: null }, "Decode it"] });
    expect(graphProblems(graph)).toEqual([
      {
        kind: "dangling-link",
        nodeId: "12:3",
        input: "samples",
        message: 'node 12:3 (VAEDecode "Decode it"), input "samples": linked to node 99, which does not exist',
      },
    ]);
  });

  test("a dangling link in a mixed array is found", () => {
    const graph = graphOf({ "1": ["ImageBatch", { images: [["1", 0], ["404", 0], "x", null, ["lora.safetensors", 0.7]] }] });
    expect(problemsOf(graph)[0]).toContain("linked to node 404");
  });

  test("a list meant as a value is told how ComfyUI takes one", () => {
    const graph = sd15With("4", "sampler_name", ["euler", 1]);
    expect(problemsOf(graph)[0]).toMatch(/dangling-link.*linked to node euler, which does not exist$/);
    expect(problemsOf(graph, { objectInfo })[0]).toContain('a list meant as a value is written {"__value__": ["euler", 1]}');
  });

  test("an output index beyond the class's outputs is found where they are known", () => {
    const graph = sd15With("2", "clip", ["1", 3]);
    expect(graphProblems(graph)).toEqual([]);
    expect(problemsOf(graph, { objectInfo })).toContain(
      'bad-output-index: node 2 (CLIPTextEncode "Prompt"), input "clip": linked to output 3 of node 1 (CheckpointLoaderSimple "Load Checkpoint"), which has only 0 (MODEL), 1 (CLIP), 2 (VAE)',
    );
    expect(problemsOf(sd15With("6", "samples", ["7", 0]), { objectInfo })[0]).toContain("which has no outputs");
    expect(problemsOf(sd15With("2", "clip", ["1", -1]))[0]).toContain("linked to output -1");
  });

  test("a class that the server does not know gets the nearest, used or not", () => {
    const graph = { ...sd15, "50": { class_type: "KSamplr", inputs: {} } };
    expect(problemsOf(graph, { objectInfo, outputs: ["7"] })).toEqual([
      'unknown-class: node 50 (KSamplr): the server does not know the class KSamplr (did you mean "KSampler"?)',
    ]);
  });

  test("a class of a newer ComfyUI than the server's is called so", () => {
    const graph = { ...sd15, "50": { class_type: "SaveImageAdvanced", inputs: {} } };
    expect(problemsOf(graph, { objectInfo, outputs: ["7"] })).toEqual([
      "unknown-class: node 50 (SaveImageAdvanced): the server does not know the class SaveImageAdvanced, which ComfyUI 0.33.0 has: update the server, or see in its console why the node did not load",
    ]);
  });

  test("a missing checkpoint gets the closest, else the list", () => {
    expect(problemsOf(bundled, { objectInfo })).toEqual([
      'value-not-in-list: node 1 (CheckpointLoaderSimple "Load Checkpoint"): "ckpt_name" is "v1-5-pruned-emaonly.safetensors", which the server does not have (did you mean "SD15/v1-5-pruned-emaonly.safetensors"?)',
    ]);
    expect(problemsOf(sd15With("1", "ckpt_name", "other.ckpt"), { objectInfo })[0]).toContain(
      "; it has SD15/v1-5-pruned-emaonly.safetensors, sd_xl",
    );
    expect(problemsOf(bundled, { objectInfo: recordedObjectInfo() })[0]).toContain("(it lists none)");
    expect(problemsOf(sd15, { objectInfo })).toEqual([]);
  });

  test("values that each job fills are not judged", () => {
    expect(graphProblems(bundled, { objectInfo, filledLater: [{ nodeId: "1", input: "ckpt_name" }] })).toEqual([]);
  });

  test("numbers outside the allowed range are found, up to 2^64-1", () => {
    const withSeed = (seed: Json) => sd15With("4", "seed", seed);
    expect(problemsOf(withSeed(18446744073709551615n), { objectInfo })).toEqual([]);
    expect(problemsOf(withSeed(18446744073709551616n), { objectInfo })[0]).toContain(
      '"seed" is 18446744073709551616, more than the largest allowed, 18446744073709551615',
    );
    expect(problemsOf(withSeed(-1), { objectInfo })[0]).toContain("less than the smallest allowed, 0");
  });

  test("a cycle lists its path", () => {
    const graph = graphOf({
      "1": ["ImageInvert", { image: ["3", 0] }, "First"],
      "2": ["ImageInvert", { image: ["1", 0] }],
      "3": ["ImageInvert", { image: ["2", 0] }],
      "4": ["SaveImage", { images: ["3", 0] }],
    });
    expect(problemsOf(graph)).toEqual([
      'cycle: node 2 (ImageInvert): is part of a cycle, its result is needed for its own input: node 2 (ImageInvert) → node 3 (ImageInvert) → node 1 (ImageInvert "First") → node 2 (ImageInvert)',
    ]);
  });
});

describe("upstreamOf()", () => {
  test("is the nodes and all that they need, even in a cycle", () => {
    const graph = graphOf({
      a: ["A", { x: ["b", 0] }],
      b: [
        "B",
        {
          x: [
            ["a", 0],
            ["c", 0],
          ],
        },
      ],
      c: ["C", {}],
      d: ["D", { x: ["a", 0] }],
    });
    expect([...upstreamOf(graph, ["a"])].toSorted()).toEqual(["a", "b", "c"]);
  });
});

describe("graphProblems() on a server of 0.33.0", () => {
  const { objectInfo: newer, replacements } = newerServer();
  const saver = (inputs: JsonObject): ApiGraph =>
    graphOf({
      "1": ["EmptyImage", { width: 64, height: 64, batch_size: 1, color: 0 }],
      "2": ["SaveImageAdvanced", { images: ["1", 0], filename_prefix: "x", ...inputs }],
    });
  const resized = (inputs: JsonObject): ApiGraph => ({
    ...saver({ images: ["3", 0], format: "png", "format.bit_depth": "8-bit", "format.input_color_space": "sRGB" }),
    ...graphOf({ "3": ["ResizeImageMaskNode", { input: ["1", 0], scale_method: "area", ...inputs }] }),
  });

  test("a choice with inputs of its own is one of its keys", () => {
    const png = { format: "png", "format.bit_depth": "16-bit", "format.input_color_space": "sRGB" };
    expect(graphProblems(saver(png), { objectInfo: newer })).toEqual([]);
    expect(problemsOf(saver({ ...png, format: "pgn" }), { objectInfo: newer })).toEqual([
      'value-not-in-list: node 2 (SaveImageAdvanced): "format" is "pgn", which the server does not have (did you mean "png"?)',
    ]);
    expect(problemsOf(saver({ "format.bit_depth": "8-bit" }), { objectInfo: newer })[0]).toContain('required input "format"');
  });

  test("the inputs of the option that is chosen are checked, those of the others are not", () => {
    const bad = { format: "png", "format.bit_depth": "32-bit float", "format.input_color_space": "sRGB" };
    expect(problemsOf(saver(bad), { objectInfo: newer })).toEqual([
      'value-not-in-list: node 2 (SaveImageAdvanced): "format.bit_depth" is "32-bit float", which the server does not have; it has 8-bit, 16-bit',
    ]);
    expect(graphProblems(saver({ ...bad, format: "exr" }), { objectInfo: newer })).toEqual([]);
    expect(problemsOf(resized({ resize_type: "scale by multiplier" }), { objectInfo: newer })).toEqual([
      'missing-input: node 3 (ResizeImageMaskNode): required input "resize_type.multiplier" (FLOAT) is missing',
    ]);
    expect(problemsOf(resized({ resize_type: "scale by multiplier", "resize_type.multiplier": 9 }), { objectInfo: newer })).toEqual([
      expect.stringContaining('"resize_type.multiplier" is 9, more than the largest allowed, 8'),
    ]);
    expect(graphProblems(resized({ resize_type: "scale by multiplier", "resize_type.multiplier": 2 }), { objectInfo: newer })).toEqual([]);
  });

  test("an input that grows is never there itself: its first ones are, and as many more as there may be", () => {
    const batch = (inputs: JsonObject): ApiGraph => ({
      ...saver({ images: ["3", 0], format: "png", "format.bit_depth": "8-bit", "format.input_color_space": "sRGB" }),
      ...graphOf({ "3": ["BatchImagesNode", inputs] }),
    });
    expect(graphProblems(batch({ "images.image0": ["1", 0], "images.image1": ["1", 0] }), { objectInfo: newer })).toEqual([]);
    expect(problemsOf(batch({ "images.image1": ["1", 0] }), { objectInfo: newer })).toEqual([
      'missing-input: node 3 (BatchImagesNode): required input "images.image0" (IMAGE) is missing',
    ]);
  });

  test("a class that the server replaces is checked as what it becomes", () => {
    const old = (inputs: JsonObject): ApiGraph => ({
      ...saver({ images: ["3", 0], format: "png", "format.bit_depth": "8-bit", "format.input_color_space": "sRGB" }),
      ...graphOf({ "3": ["ResizeImagesByLongerEdge", inputs] }),
    });
    const options = { objectInfo: newer, replacements };
    expect(graphProblems(old({ images: ["1", 0], longer_edge: 512 }), options)).toEqual([]);
    expect(problemsOf(old({ images: ["1", 0], longer_edge: -1 }), options)).toEqual([
      expect.stringContaining('node 3 (ImageScaleToMaxDimension): "largest_size" is -1, less than the smallest allowed, 0'),
    ]);
    expect(
      graphProblems(old({ images: ["1", 0], longer_edge: -1 }), { ...options, filledLater: [{ nodeId: "3", input: "longer_edge" }] }),
    ).toEqual([]);
    expect(problemsOf(old({ images: ["1", 0], longer_edge: 512 }), { objectInfo: newer })[0]).toContain("does not know the class");
  });
});

/** A graph whose nodes are fed only by nodes of a lower number; `edges[i]` lists the sources of node i. */
const acyclic = fc
  .array(fc.array(fc.nat(), { maxLength: 4 }), { minLength: 1, maxLength: 25 })
  .map((edges) => edges.map((sources, node) => (node === 0 ? [] : sources.map((source) => source % node))));

/** Shuffled ids, so that the order of the keys tells nothing about the order of the nodes. */
function graphFrom(edges: readonly (readonly number[])[], salt: number): ApiGraph {
  const id = (node: number) => `n${(node * 7919 + salt) % 100_003}`;
  const nodes = edges.map((sources, node): [string, [string, Record<string, [string, number]>]] => [
    id(node),
    ["Any", Object.fromEntries(sources.map((source, input) => [`in${input}`, [id(source), 0]]))],
  ]);
  return graphOf(Object.fromEntries(nodes.toSorted(([a], [b]) => (a < b ? -1 : 1))));
}

describe("findCycles()", () => {
  test("a graph made without cycles never has one", () => {
    fc.assert(
      fc.property(acyclic, fc.nat(100_000), (edges, salt) => {
        expect(findCycles(graphFrom(edges, salt))).toEqual([]);
      }),
    );
  });

  test("one link back along a path always closes a cycle, and each cycle named is one", () => {
    fc.assert(
      fc.property(acyclic, fc.nat(), fc.nat(), fc.nat(100_000), (edges, from, steps, salt) => {
        // Walks down from a node, then feeds the end of the walk from its start.
        const start = from % edges.length;
        let end = start;
        for (let step = 0; step < steps % 5; step++) end = edges[end]?.[0] ?? end;
        const graph = graphFrom(
          edges.map((sources, node) => (node === end ? [...sources, start] : sources)),
          salt,
        );
        const cycles = findCycles(graph);
        expect(cycles.length).toBeGreaterThan(0);
        for (const cycle of cycles) {
          for (const [index, nodeId] of cycle.entries()) {
            const next = cycle[(index + 1) % cycle.length] ?? "";
            expect(Object.values(graph[next]?.inputs ?? {})).toContainEqual([nodeId, 0]);
          }
        }
      }),
    );
  });

  test("a node fed by itself, and one fed by nothing that exists", () => {
    expect(findCycles(graphOf({ "1": ["A", { x: ["1", 0] }] }))).toEqual([["1"]]);
    expect(findCycles(graphOf({ "1": ["A", { x: ["2", 0] }] }))).toEqual([]);
  });

  test("a chain of 100,000 nodes does not overflow the stack", () => {
    const chain = (last: number): ApiGraph =>
      graphOf(
        Object.fromEntries(
          Array.from({ length: 100_000 }, (_, index) => [
            `n${index}`,
            ["A", index < 99_999 ? { x: [`n${index + 1}`, 0] } : { x: [`n${last}`, 0] }],
          ]),
        ),
      );
    expect(findCycles(chain(100_000))).toEqual([]);
    expect(findCycles(chain(0))[0]).toHaveLength(100_000);
  });
});
