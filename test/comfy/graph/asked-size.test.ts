import { describe, expect, test } from "vitest";
import { askedSize, readFrom } from "../../../src/comfy/graph/asked-size.ts";
import type { ApiGraph } from "../../../src/comfy/graph/graph.ts";
import type { JsonObject } from "../../../src/lib/exact-json.ts";

const node = (class_type: string, inputs: JsonObject): ApiGraph[string] => ({ class_type, inputs });

/** A text-to-image graph around that latent. */
const sampled = (latent: ApiGraph[string], more: ApiGraph = {}): ApiGraph => ({
  "5": latent,
  "3": node("KSampler", { latent_image: ["5", 0], seed: 1 }),
  "8": node("VAEDecode", { samples: ["3", 0], vae: ["4", 2] }),
  "9": node("SaveImage", { images: ["8", 0], filename_prefix: "x" }),
  ...more,
});
const latent = (width: JsonObject[string], height: JsonObject[string], classType = "EmptyLatentImage"): ApiGraph[string] =>
  node(classType, { width, height, batch_size: 1 });

describe("askedSize()", () => {
  test.each([
    [1024, 768, 1024, 768],
    [520, 776, 512, 768], // Latents of models with large patches leave that over.
    [60, 20, 56, 16],
  ])("a latent of %i×%i asks for at least %i×%i, since a VAE may enlarge it", (width, height, widthPx, heightPx) => {
    expect(askedSize(sampled(latent(width, height)), "9")).toEqual({ widthPx, heightPx, isExact: false });
    expect(askedSize(sampled(latent(width, height, "EmptySD3LatentImage")), "9")).toEqual({ widthPx, heightPx, isExact: false });
  });

  test("a scaled image has exactly that size, and what does not change the size is passed over", () => {
    const graph = sampled(latent(512, 512), {
      "10": node("ImageScale", { image: ["8", 0], width: 100, height: 50 }),
      "11": node("ImageSharpen", { image: ["10", 0] }),
      "9": node("SaveImage", { images: ["11", 0] }),
    });
    expect(askedSize(graph, "9")).toEqual({ widthPx: 100, heightPx: 50, isExact: true });
  });

  test.each<[string, ApiGraph]>([
    [
      "another node has a say",
      sampled(latent(512, 512), { "9": node("SaveImage", { images: ["20", 0] }), "20": node("Upscale", { image: ["8", 0] }) }),
    ],
    ["an image is encoded", sampled(node("VAEEncode", { pixels: ["1", 0] }))],
    ["a latent of another kind", sampled(latent(512, 512, "EmptyHunyuanLatentVideo"))],
    ["a linked width", sampled(latent(["7", 0], 512))],
    ["a scale that keeps proportions", { "1": node("ImageScale", { width: 0, height: 64 }), "9": node("SaveImage", { images: ["1", 0] }) }],
    ["no saver", {}],
    ["a saver without a link", { "9": node("SaveImage", {}) }],
    ["a cycle", { "1": node("ImageInvert", { image: ["1", 0] }), "9": node("SaveImage", { images: ["1", 0] }) }],
    ["an id that every object inherits", { "9": node("SaveImage", { images: ["constructor", 0] }) }],
  ])("nothing is known where there is %s", (_what, graph) => {
    expect(askedSize(graph, "9")).toBeNull();
  });

  test("the values of a job count before the graph's", () => {
    const graph = sampled(latent(512, 512));
    const read = readFrom(graph);
    const size = askedSize(graph, "9", (nodeId, input) => (nodeId === "5" && input === "width" ? 1024 : read(nodeId, input)));
    expect(size).toEqual({ widthPx: 1024, heightPx: 512, isExact: false });
  });
});
