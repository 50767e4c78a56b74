import { describe, expect, test } from "vitest";
import { loaderSignature, modelOf } from "../../../src/comfy/graph/loader-signature.ts";
import { bundledGraph, graphOf } from "./workflow-fixtures.ts";

describe("loaderSignature()", () => {
  test("is the canonical text of what is loaded", () => {
    expect(loaderSignature(bundledGraph("sd15"))).toBe('[["CheckpointLoaderSimple",{"ckpt_name":"v1-5-pruned-emaonly.safetensors"}]]');
    expect(loaderSignature(bundledGraph("tiny"))).toBe("");
  });

  test("does not depend on ids, links, order of keys, or nodes that load nothing", () => {
    const a = graphOf({
      "1": ["UNETLoader", { unet_name: "u", weight_dtype: "default" }],
      "2": ["LoraLoader", { lora_name: "l", strength_model: 1, model: ["1", 0] }],
      "3": ["LoadImage", { image: "a.png" }],
    });
    const b = graphOf({
      "8": ["LoraLoader", { model: ["9", 0], strength_model: 1, lora_name: "l" }],
      "9": ["UNETLoader", { weight_dtype: "default", unet_name: "u" }],
      "3": ["KSampler", { seed: 1 }],
    });
    expect(loaderSignature(a)).toBe(loaderSignature(b));
    expect(loaderSignature(a)).not.toBe("");
  });

  test("tells other checkpoints, LoRAs, VAEs, text encoders and custom loaders apart", () => {
    const signatures = [
      graphOf({ "1": ["CheckpointLoaderSimple", { ckpt_name: "a" }] }),
      graphOf({ "1": ["CheckpointLoaderSimple", { ckpt_name: "b" }] }),
      graphOf({ "1": ["LoraLoaderModelOnly", { lora_name: "a", strength_model: 0.5 }] }),
      graphOf({ "1": ["LoraLoaderModelOnly", { lora_name: "a", strength_model: 1 }] }),
      graphOf({ "1": ["VAELoader", { vae_name: "a" }] }),
      graphOf({ "1": ["DualCLIPLoader", { clip_name1: "a" }] }),
      graphOf({ "1": ["Power Lora Loader (rgthree)", { lora_1: { on: true, lora: "a.safetensors", strength: 1 } }] }),
      graphOf({ "1": ["MyThing", { file: "a.safetensors" }] }),
    ].map(loaderSignature);
    expect(new Set([...signatures, ""]).size).toBe(signatures.length + 1);
  });
});

describe("modelOf()", () => {
  test("is the first checkpoint or diffusion model, not a LoRA or VAE", () => {
    expect(modelOf(bundledGraph("sdxl"))).toBe("sd_xl_base_1.0.safetensors");
    expect(modelOf(bundledGraph("tiny"))).toBe("");
    const flux = graphOf({
      "1": ["VAELoader", { vae_name: "ae.safetensors" }],
      "2": ["LoraLoader", { lora_name: "l.safetensors" }],
      "12": ["UNETLoader", { unet_name: "flux1-dev.safetensors" }],
    });
    expect(modelOf(flux)).toBe("flux1-dev.safetensors");
    expect(modelOf(graphOf({ "1": ["CheckpointLoaderSimple", { ckpt_name: ["2", 0] }] }))).toBe("");
  });
});
