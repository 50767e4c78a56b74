import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type ApiGraph, withInputs } from "../../../src/comfy/graph/graph.ts";

const TINY = join(import.meta.dirname, "../../../configs/workflows/tiny.json");

/** A workflow that any ComfyUI runs in a moment; each `name` is another image's. */
export function tinyGraph(name: string): ApiGraph {
  // Shipped with the package, in API format.
  const graph = JSON.parse(readFileSync(TINY, "utf8")) as ApiGraph;
  return withInputs(graph, [[{ nodeId: "3", input: "filename_prefix" }, name]]);
}
