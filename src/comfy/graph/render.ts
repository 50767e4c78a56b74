import { RejectError } from "../../errors.ts";
import { stringifyExact, type Json } from "../../lib/exact-json.ts";
import type { Bindings } from "./binding.ts";
import { fitValue } from "./fit-value.ts";
import { describeNode, nodeOf, type ApiGraph, type ApiNode, type Place, withInputs } from "./graph.ts";
import { savedImagesOf } from "./savers.ts";

export interface RenderOptions {
  readonly bindings: Bindings;
  /** Bound name → value of this job: prompt, negative, seed, columns. A name that the workflow binds to nothing is passed over. */
  readonly values: Readonly<Record<string, Json>>;
  readonly outputs: readonly string[];
  readonly filenamePrefix: string;
  /** temp: each output node becomes a PreviewImage, whose files a server removes when it starts. */
  readonly saveAs: "output" | "temp";
}

/**
 * The graph of one job, ready for POST /prompt; the graph given stays as it is. Equal options give equal graphs.
 * @throws {RejectError} "validation", if a value cannot stand in the input that it is bound to.
 */
export function render(graph: ApiGraph, { bindings, values, outputs, filenamePrefix, saveAs }: RenderOptions): ApiGraph {
  const changes: [Place, Json][] = [];
  for (const [name, value] of Object.entries(values)) {
    for (const place of Object.hasOwn(bindings, name) ? (bindings[name] ?? []) : []) {
      const fitted = fitValue(value, nodeOf(graph, place.nodeId)?.inputs[place.input]);
      if (fitted === undefined) throw unfit(graph, name, { place, value });
      changes.push([place, fitted]);
    }
  }
  for (const nodeId of outputs) changes.push([{ nodeId, input: "filename_prefix" }, filenamePrefix]);
  const filled = withTitles(withInputs(graph, changes));
  if (saveAs === "output") return filled;
  const previews = outputs.flatMap((nodeId): [string, ApiNode][] => {
    const node = nodeOf(filled, nodeId);
    return node === undefined ? [] : [[nodeId, previewOf(node, filenamePrefix)]];
  });
  return { ...filled, ...Object.fromEntries(previews) };
}

/**
 * Every node with a `_meta`, as the editor exports it: servers that replace old classes (0.14 and later) answer 500 to a node that has
 * none.
 * @see https://github.com/Comfy-Org/ComfyUI/blob/v0.33.0/app/node_replace_manager.py copy_node_struct
 */
function withTitles(graph: ApiGraph): ApiGraph {
  return Object.fromEntries(
    Object.entries(graph).map(([nodeId, node]) => [nodeId, { ...node, _meta: node._meta ?? { title: node.class_type } }]),
  );
}

/**
 * PreviewImage has no filename_prefix: the server ignores it, but keeps it in the image's embedded prompt, where it names the job,
 * and in the key of its node cache, so that no job is answered with another's file.
 * @see https://github.com/comfyanonymous/ComfyUI/blob/a125cd84b054/comfy_execution/caching.py get_immediate_node_signature
 */
function previewOf(node: ApiNode, filenamePrefix: string): ApiNode {
  return { ...node, class_type: "PreviewImage", inputs: { images: savedImagesOf(node) ?? null, filename_prefix: filenamePrefix } };
}

function unfit(graph: ApiGraph, name: string, { place, value }: { readonly place: Place; readonly value: Json }): RejectError {
  const present = stringifyExact(nodeOf(graph, place.nodeId)?.inputs[place.input] ?? null);
  const here = `${describeNode(graph, place.nodeId)}, input "${place.input}"`;
  return new RejectError(
    "validation",
    `Cannot set ${name} to ${stringifyExact(value)}: ${here} holds ${present}, and this is no such value`,
  );
}
