import { describe, expect, test } from "vitest";
import { resolveBindings } from "../../../src/comfy/graph/binding.ts";
import { detectBindings, type DetectedName } from "../../../src/comfy/graph/detect.ts";
import { formatPlace, type ApiGraph } from "../../../src/comfy/graph/graph.ts";
import { bundledGraph, graphOf, recordedGraph } from "./workflow-fixtures.ts";

/** Name → candidates as text, names without candidates left out; the places of one candidate joined by "+". */
function detected(graph: ApiGraph): Record<string, string[]> {
  const entries = Object.entries(detectBindings(graph).bind).map(
    ([name, found]) => [name, found.map((places) => places.map(formatPlace).join("+"))] as const,
  );
  return Object.fromEntries(entries.filter(([, found]) => found.length > 0));
}

describe("detectBindings()", () => {
  test("finds everything in a plain text-to-image workflow", () => {
    const expected = {
      prompt: ["6.text"],
      negative: ["7.text"],
      seed: ["3.seed"],
      width: ["5.width"],
      height: ["5.height"],
      steps: ["3.steps"],
      cfg: ["3.cfg"],
      checkpoint: ["4.ckpt_name"],
    };
    const graph = recordedGraph("workflow_checkpoint_sd15");
    expect(detected(graph)).toEqual(expected);
    expect(detectBindings(graph).outputs).toEqual(["9"]);
  });

  test("what it proposes can be bound", () => {
    for (const name of ["sd15", "sdxl", "tiny"]) {
      const graph = bundledGraph(name);
      const found = detected(graph);
      const bind = Object.fromEntries(Object.entries(found).map(([key, [first = ""]]) => [key, first.split("+")]));
      expect(Object.keys(resolveBindings(graph, bind))).toEqual(Object.keys(found));
    }
  });

  test("a workflow without text has no prompt", () => {
    expect(detected(recordedGraph("workflow_tiny"))).toEqual({ seed: ["2.seed"], width: ["1.width"], height: ["1.height"] });
    expect(detectBindings(recordedGraph("workflow_save_and_preview")).outputs).toEqual(["3"]);
  });

  test("Flux: guider, noise, guidance, texts in primitives, a zeroed negative", () => {
    const graph = graphOf({
      "6": ["CLIPTextEncodeFlux", { clip_l: ["20", 0], t5xxl: "long", guidance: 3.5, clip: ["11", 0] }],
      "10": ["UNETLoader", { unet_name: "flux.safetensors" }],
      "13": [
        "SamplerCustomAdvanced",
        { noise: ["25", 0], guider: ["22", 0], sampler: ["16", 0], sigmas: ["17", 0], latent_image: ["27", 0] },
      ],
      "16": ["KSamplerSelect", { sampler_name: "euler" }],
      "17": ["BasicScheduler", { steps: 20, scheduler: "simple", model: ["10", 0] }],
      "20": ["PrimitiveString", { value: "short" }],
      "22": ["BasicGuider", { model: ["10", 0], conditioning: ["26", 0] }],
      "25": ["RandomNoise", { noise_seed: ["30", 0] }],
      "26": ["FluxGuidance", { guidance: 3, conditioning: ["6", 0] }],
      "27": ["EmptySD3LatentImage", { width: ["31", 0], height: 1024, batch_size: 1 }],
      "30": ["PrimitiveInt", { value: 7, control_after_generate: "fixed" }],
      "31": ["PrimitiveInt", { value: 1024 }],
    });
    expect(detected(graph)).toEqual({
      prompt: ["20.value+6.t5xxl"],
      seed: ["30.value"],
      width: ["31.value"],
      height: ["27.height"],
      steps: ["17.steps"],
      guidance: ["6.guidance", "26.guidance"],
      checkpoint: ["10.unet_name"],
    });
    const zeroed = graphOf({
      "1": ["CLIPTextEncode", { text: "a" }],
      "2": ["ConditioningZeroOut", { conditioning: ["1", 0] }],
      "3": ["KSampler", { positive: ["1", 0], negative: ["2", 0], seed: 1 }],
      "4": ["KSampler", { positive: ["1", 0], negative: ["1", 0], seed: 1 }],
      "5": ["CLIPTextEncode", { text: "never seen" }],
      "6": ["ConditioningZeroOut", { conditioning: ["5", 0] }],
      "7": ["KSampler", { positive: ["1", 0], negative: ["6", 0], seed: 1 }],
    });
    expect(detected(zeroed)).toEqual({ prompt: ["1.text"], seed: ["3.seed", "4.seed", "7.seed"] });
  });

  test("follows each side through control nets and combinations, base and refiner alike", () => {
    const graph = graphOf({
      "1": ["CLIPTextEncodeSDXL", { text_g: "a", text_l: "a", clip: ["9", 0], width: 1024 }],
      "2": ["CLIPTextEncode", { text: "bad" }],
      "3": ["CLIPTextEncode", { text: "style" }],
      "4": ["ConditioningCombine", { conditioning_1: ["1", 0], conditioning_2: ["3", 0] }],
      "5": ["ControlNetApplyAdvanced", { positive: ["4", 0], negative: ["2", 0], control_net: ["8", 0], image: ["7", 0], strength: 1 }],
      "6": [
        "KSamplerAdvanced",
        { positive: ["5", 0], negative: ["5", 1], noise_seed: 5, add_noise: "enable", steps: 20, cfg: 7, latent_image: ["10", 0] },
      ],
      "10": ["EmptyLatentImage", { width: 1024, height: 1024 }],
      "11": [
        "KSamplerAdvanced",
        { positive: ["5", 0], negative: ["5", 1], noise_seed: 0, add_noise: "disable", steps: 20, cfg: 7, latent_image: ["6", 0] },
      ],
    });
    expect(detected(graph)).toEqual({
      prompt: ["1.text_g+1.text_l", "3.text"],
      negative: ["2.text"],
      seed: ["6.noise_seed"],
      width: ["10.width"],
      height: ["10.height"],
      steps: ["6.steps", "11.steps"],
      cfg: ["6.cfg", "11.cfg"],
    });
  });

  test("ends on cycles and links to nowhere", () => {
    const graph = graphOf({
      "1": ["KSampler", { positive: ["2", 0], negative: ["9", 0], seed: ["404", 0] }],
      "2": ["ConditioningCombine", { conditioning_1: ["3", 0] }],
      "3": ["ConditioningCombine", { conditioning_1: ["2", 0] }],
    });
    expect(detected(graph)).toEqual({});
    const names: DetectedName[] = ["prompt", "negative", "seed", "width", "height", "steps", "cfg", "guidance", "checkpoint"];
    expect(Object.keys(detectBindings(graph).bind)).toEqual(names);
  });
});
