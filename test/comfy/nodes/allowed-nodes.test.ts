import { describe, expect, test } from "vitest";
import { checkAllowedNodes } from "../../../src/comfy/nodes/allowed-nodes.ts";
import { coreNodes } from "../../../src/comfy/nodes/core-nodes.ts";
import { parseObjectInfo } from "../../../src/comfy/nodes/object-info.ts";
import type { ServerClasses } from "../../../src/comfy/client/server-classes.ts";
import type { JsonObject } from "../../../src/lib/exact-json.ts";
import { bundledGraph, configErrorOf, graphOf, newerServer, recordedGraph } from "../graph/workflow-fixtures.ts";

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

describe("checkAllowedNodes() where servers say whose their classes are", () => {
  const said = (url: string, modules: Readonly<Record<string, JsonObject>>): ServerClasses => ({
    url,
    objectInfo: parseObjectInfo(modules),
    replacements: new Map(),
  });
  const graph = graphOf({ "1": ["NewSampler", {}], "2": ["KSampler", {}] });
  const core = { NewSampler: { python_module: "comfy_extras.nodes_new" }, KSampler: { python_module: "nodes" } };

  test("a core class of a newer release is core, whatever the list says", () => {
    expect(() => checkAllowedNodes(graph, ["core"], { servers: [said("http://a", core)] })).not.toThrow();
    expect(configErrorOf(() => checkAllowedNodes(graph, ["core"]))).toContain("node 1 (NewSampler)");
  });

  test("it has to be core on every server", () => {
    const other = said("http://b", { ...core, NewSampler: { python_module: "custom_nodes.shiny" } });
    const error = configErrorOf(() => checkAllowedNodes(graph, ["core"], { workflow: "main", servers: [said("http://a", core), other] }));
    expect(error).toContain("workflow main: node 1 (NewSampler) is not among core or allow_nodes");
    expect(error).toContain("NewSampler is not ComfyUI's own on http://b (it comes from custom_nodes.shiny)");
    expect(error).toContain("allow_nodes: [core, NewSampler]");
    expect(() => checkAllowedNodes(graph, ["core", "NewSampler"], { servers: [other] })).not.toThrow();
  });

  test("a custom node that took a core class's name is not core", () => {
    const taken = said("http://b", { ...core, KSampler: { python_module: "custom_nodes.comfy_extras" } });
    expect(configErrorOf(() => checkAllowedNodes(graph, ["core"], { servers: [taken] }))).toContain("node 2 (KSampler)");
  });

  test("partner nodes are never core: named, or under any", () => {
    for (const info of [{ python_module: "comfy_api_nodes.nodes_x" }, { python_module: "nodes", api_node: true }]) {
      const paid = said("http://a", { ...core, NewSampler: info });
      expect(configErrorOf(() => checkAllowedNodes(graph, ["core"], { servers: [paid] }))).toContain("a paid partner service on http://a");
      expect(() => checkAllowedNodes(graph, ["core", "NewSampler"], { servers: [paid] })).not.toThrow();
      expect(() => checkAllowedNodes(graph, "any", { servers: [paid] })).not.toThrow();
    }
  });

  test("of a class that no server knows, or says nothing of, the list decides", () => {
    const silent = said("http://a", { NewSampler: {} });
    expect(configErrorOf(() => checkAllowedNodes(graph, ["core"], { servers: [silent] }))).toContain("node 1 (NewSampler) is not");
  });

  test("a class that is replaced is as allowed as what it becomes", () => {
    const old = graphOf({ "1": ["ResizeImagesByLongerEdge", { images: ["2", 0], longer_edge: 512 }], "2": ["EmptyImage", {}] });
    expect(() => checkAllowedNodes(old, ["core"], { servers: [newerServer()] })).not.toThrow();
  });
});

describe("coreNodes()", () => {
  test("holds nodes.py and comfy_extras of 0.33.0, but no partner or custom node", () => {
    const core = coreNodes();
    expect(core.size).toBe(633);
    for (const name of [
      "KSampler",
      "SaveImage",
      "SaveImageAdvanced",
      "ImageAddNoise",
      "ComfySwitchNode",
      "CreateHookLora",
      "Epsilon Scaling",
    ]) {
      expect(core).toContain(name);
    }
    for (const name of ["BeebleSwitchXImageEdit", "ByteDanceCreateImageAsset", "IdeogramV3", "SaveImageWebsocket", "", "core"])
      expect(core).not.toContain(name);
  });
});
