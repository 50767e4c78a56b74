import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { constantInputs, mayMakeSeveral } from "../../../src/comfy/graph/constant-inputs.ts";
import { detectBindings } from "../../../src/comfy/graph/detect.ts";
import { formatPlace, type ApiGraph, type Place } from "../../../src/comfy/graph/graph.ts";

const graphOf = (name: string): ApiGraph =>
  JSON.parse(readFileSync(join(import.meta.dirname, `../../fixtures/graphs/${name}.json`), "utf8")) as ApiGraph; // Our own files.
const place = (text: string): Place => ({ nodeId: text.split(".")[0]!, input: text.split(".")[1]! });

function constants(graph: ApiGraph, filled: readonly string[]) {
  const { texts, seeds } = constantInputs(graph, { filled: filled.map(place), outputs: detectBindings(graph).outputs });
  return { texts: texts.map(formatPlace), seeds: seeds.map(formatPlace) };
}

describe("constantInputs()", () => {
  it("names the seed of a face detailer, which stays the same", () => {
    const graph = graphOf("facedetailer");
    const { bind } = detectBindings(graph);
    const filled = [...bind.prompt.flat(), ...bind.seed.flat()].map(formatPlace);
    expect(constants(graph, filled)).toEqual({ texts: [], seeds: ["70.seed"] });
  });

  it("names a refiner's text, and not the seed of a sampler that adds no noise", () => {
    expect(constants(graphOf("sdxl_refiner"), ["6.text", "10.noise_seed"])).toEqual({ texts: ["15.text"], seeds: [] });
    expect(constants(graphOf("sdxl_refiner"), ["6.text", "15.text", "10.noise_seed"])).toEqual({ texts: [], seeds: [] });
  });

  it("names a second sampler's seed, and no negative text", () => {
    const graph = graphOf("hires_fix");
    const { bind } = detectBindings(graph);
    const [first, ...others] = bind.seed.flat().map(formatPlace);
    expect(constants(graph, [...bind.prompt.flat().map(formatPlace), first!])).toEqual({ texts: [], seeds: others });
    expect(others).not.toEqual([]);
  });

  it("passes over what no output needs, and what is empty", () => {
    const graph: ApiGraph = {
      1: { class_type: "KSampler", inputs: { seed: 1, positive: ["2", 0] } },
      2: { class_type: "CLIPTextEncode", inputs: { text: " " } },
      3: { class_type: "SaveImage", inputs: { images: ["1", 0], filename_prefix: "x" } },
      4: { class_type: "KSampler", inputs: { seed: 9, positive: ["5", 0] } },
      5: { class_type: "CLIPTextEncode", inputs: { text: "never run" } },
    };
    expect(constants(graph, ["1.seed"])).toEqual({ texts: [], seeds: [] });
  });
});

it("mayMakeSeveral() tells a batch, and several outputs", () => {
  const graph: ApiGraph = {
    1: { class_type: "EmptyLatentImage", inputs: { batch_size: 1 } },
    2: { class_type: "SaveImage", inputs: { images: ["1", 0] } },
  };
  expect(mayMakeSeveral(graph, ["2"])).toBe(false);
  expect(mayMakeSeveral(graph, ["2", "1"])).toBe(true);
  expect(mayMakeSeveral({ ...graph, 1: { class_type: "EmptyLatentImage", inputs: { batch_size: 4 } } }, ["2"])).toBe(true);
  expect(mayMakeSeveral({ ...graph, 1: { class_type: "EmptyLatentImage", inputs: { batch_size: ["3", 0] } } }, ["2"])).toBe(true);
});
