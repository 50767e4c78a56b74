import type { JsonObject } from "../../lib/exact-json.ts";

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
