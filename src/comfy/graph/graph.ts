import { type JsonObject, type Json, isJsonArray } from "../../lib/exact-json.ts";

/** One node of a workflow in ComfyUI's API format. A type, not an interface: so that a graph is JSON to the compiler too. */
export type ApiNode = {
  readonly class_type: string;
  /** Values, or references `[node_id, output_index]`. */
  readonly inputs: JsonObject;
  readonly _meta?: JsonObject;
};

/** A workflow in API format: node id → node. What goes under `prompt` of POST /prompt. */
export type ApiGraph = Readonly<Record<string, ApiNode>>;

/** One input of one node. */
export interface Place {
  readonly nodeId: string;
  readonly input: string;
}

/** The node of that id. Own keys only: an id like "constructor" must not find what every object inherits. */
export function nodeOf(graph: ApiGraph, nodeId: string): ApiNode | undefined {
  return Object.hasOwn(graph, nodeId) ? graph[nodeId] : undefined;
}

/** The title that a person gave the node, undefined where the file has none. */
export function titleOf(node: ApiNode): string | undefined {
  // oxlint-disable-next-line no-underscore-dangle -- ComfyUI's name
  const title = node._meta?.["title"];
  return typeof title === "string" && title !== "" ? title : undefined;
}

/** `node 3 (KSampler "Sample")`: how every message names a node. */
export function describeNode(graph: ApiGraph, nodeId: string): string {
  const node = nodeOf(graph, nodeId);
  if (node === undefined) return `node ${nodeId}`;
  const title = titleOf(node);
  // Exports name an untouched node by its class or display name: only a title that says something else is worth the space.
  return `node ${nodeId} (${node.class_type}${title === undefined || title === node.class_type ? "" : ` "${title}"`})`;
}

/** `3.seed`: how a configuration names a place. */
export function formatPlace(place: Place): string {
  return `${place.nodeId}.${place.input}`;
}

/** A new graph with these inputs given these values; undefined takes an input out. Shares the untouched nodes with the old one. */
export function withInputs(graph: ApiGraph, changes: Iterable<readonly [Place, Json | undefined]>): ApiGraph {
  const inputsOf = new Map<string, Map<string, Json>>();
  for (const [{ nodeId, input }, value] of changes) {
    const inputs = inputsOf.get(nodeId) ?? new Map(Object.entries(nodeOf(graph, nodeId)?.inputs ?? {}));
    inputsOf.set(nodeId, inputs);
    if (value === undefined) inputs.delete(input);
    else inputs.set(input, value);
  }
  const entries = Object.entries(graph).map(([nodeId, node]): [string, ApiGraph[string]] => {
    const inputs = inputsOf.get(nodeId);
    return inputs === undefined ? [nodeId, node] : [nodeId, { ...node, inputs: Object.fromEntries(inputs) satisfies JsonObject }];
  });
  return Object.fromEntries(entries);
}

/** An input fed by another node's output. */
export interface Reference {
  readonly nodeId: string;
  /** Index of the output, from 0. */
  readonly output: number;
}

/** Ids as ComfyUI's editor writes them: numbers, joined by colons inside subgraphs. */
const EDITOR_ID = /^\d+(:\d+)*$/;

/**
 * `value` as a reference `[id, index]`, if it has that form: two elements, a string and an integer. As in ComfyUI, whether
 * the id exists plays no part, so `["euler", 1]` is a (dangling) reference; `["lora.safetensors", 0.7]` is a constant.
 * @see https://github.com/comfyanonymous/ComfyUI/blob/a125cd84b054/comfy_execution/graph_utils.py is_link
 */
export function asReference(value: Json | undefined): Reference | undefined {
  if (!isJsonArray(value) || value.length !== 2) return undefined;
  const [nodeId, output] = value;
  if (typeof nodeId !== "string") return undefined;
  if (typeof output === "bigint") return { nodeId, output: Number(output) };
  return typeof output === "number" && Number.isInteger(output) ? { nodeId, output } : undefined;
}

/**
 * Every reference inside one input's value. An array that is none itself may hold references beside constants
 * (`[["4", 0], "x", null]`): each element counts on its own. There a pair is a reference only if its id exists or looks like an
 * editor's id: `[["style.safetensors", 1]]` is a constant of a node that takes lists. Objects hold constants only.
 */
export function referencesIn(graph: ApiGraph, value: Json | undefined): readonly Reference[] {
  const whole = asReference(value);
  if (whole !== undefined) return [whole];
  return isJsonArray(value) ? value.flatMap((element) => elementReferences(graph, element)) : [];
}

function elementReferences(graph: ApiGraph, element: Json): readonly Reference[] {
  const reference = asReference(element);
  if (reference !== undefined) {
    return nodeOf(graph, reference.nodeId) !== undefined || EDITOR_ID.test(reference.nodeId) ? [reference] : [];
  }
  return isJsonArray(element) ? element.flatMap((inner) => elementReferences(graph, inner)) : [];
}
