import { describe, expect, test } from "vitest";
import { checkAllowedNodes } from "../../src/comfy/allowed-nodes.ts";
import { coreNodes } from "../../src/comfy/core-nodes.ts";
import { bundledGraph, configErrorOf, graphOf, recordedGraph } from "./workflow-fixtures.ts";

const custom = graphOf({
  "1": ["FooNode", {}, "Foo"],
  "2": ["KSampler", {}],
  "3": ["Epsilon Scaling", {}],
  "4": ["Power Lora Loader (rgthree)", {}],
  "5": ["FooNode", {}],
});

describe("checkAllowedNodes()", () => {
  test("core allows what ComfyUI brings along", () => {
    for (const name of ["sd15", "sdxl", "tiny"]) expect(() => checkAllowedNodes(bundledGraph(name), ["core"])).not.toThrow();
    expect(() => checkAllowedNodes(recordedGraph("workflow_slow_interruptible"), ["core"])).not.toThrow();
  });

  test("names every node that is not allowed, and the line that allows them", () => {
    const error = configErrorOf(() => checkAllowedNodes(custom, ["core", "BarNode"], { workflow: "sdxl" }));
    expect(error).toContain('workflow sdxl: node 1 (FooNode "Foo"), node 4 (Power Lora Loader (rgthree)), node 5 (FooNode) are not among');
    expect(error).toContain('\n  allow_nodes: [core, BarNode, FooNode, "Power Lora Loader (rgthree)"]');
    expect(error).not.toContain("KSampler");
  });

  test("the line that it prints is enough", () => {
    expect(() => checkAllowedNodes(custom, ["core", "BarNode", "FooNode", "Power Lora Loader (rgthree)"])).not.toThrow();
  });

  test("any allows all; without core nothing is taken for granted", () => {
    expect(() => checkAllowedNodes(custom, "any")).not.toThrow();
    expect(() => checkAllowedNodes(custom, ["any"])).not.toThrow();
    expect(configErrorOf(() => checkAllowedNodes(bundledGraph("tiny"), ["EmptyImage", "SaveImage"]))).toContain("node 2 (ImageAddNoise");
  });
});

describe("coreNodes()", () => {
  test("holds nodes.py, both styles of comfy_extras and the hook nodes, but no partner or custom node", () => {
    const core = coreNodes();
    expect(core.size).toBe(382);
    for (const name of [
      "KSampler",
      "SaveImage",
      "SamplerCustomAdvanced",
      "ImageAddNoise",
      "WanContextWindowsManual",
      "CreateHookLora",
      "unCLIPConditioning",
    ]) {
      expect(core).toContain(name);
    }
    for (const name of ["FluxProUltraImageNode", "IdeogramV3", "SaveImageWebsocket", "", "core"]) expect(core).not.toContain(name);
  });
});
