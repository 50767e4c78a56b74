import { isJsonArray, isJsonObject, type Json, type JsonObject } from "../../lib/exact-json.ts";
import { nodeOf, type ApiGraph, type ApiNode, type Place, asReference } from "../graph/graph.ts";
import type { ObjectInfo } from "./object-info.ts";

/** An input of the new class: the old node's value, or a fixed one. */
type InputSource = { readonly oldId: string } | { readonly value: Json };

/** The node that a server runs instead of one whose class it no longer has. */
export interface NodeReplacement {
  readonly newClass: string;
  /** New input → where its value comes from. Inputs that are not named are dropped. */
  readonly inputs: ReadonlyMap<string, InputSource>;
  /** Old output → new output. */
  readonly outputs: ReadonlyMap<number, number>;
}

/** Old class → its replacement. */
export type NodeReplacements = ReadonlyMap<string, NodeReplacement>;

export const NO_REPLACEMENTS: NodeReplacements = new Map();

/** Reads GET /node_replacements (0.14 and later). Of several replacements a server takes the first. */
export function parseNodeReplacements(answer: Json): NodeReplacements | undefined {
  if (!isJsonObject(answer)) return undefined;
  const entries = Object.entries(answer).flatMap(([oldClass, list]): [string, NodeReplacement][] => {
    const [first] = isJsonArray(list) ? list : [];
    const newClass = isJsonObject(first) ? first["new_node_id"] : undefined;
    if (!isJsonObject(first) || typeof newClass !== "string") return [];
    return [[oldClass, { newClass, inputs: inputsOf(first["input_mapping"]), outputs: outputsOf(first["output_mapping"]) }]];
  });
  return new Map(entries);
}

function inputsOf(mapping: Json | undefined): ReadonlyMap<string, InputSource> {
  const steps = isJsonArray(mapping) ? mapping.filter(isJsonObject) : [];
  const entries = steps.flatMap((step): [string, InputSource][] => {
    const { new_id: newId, old_id: oldId, set_value: value } = step;
    if (typeof newId !== "string") return [];
    if (value !== undefined) return [[newId, { value }]];
    return typeof oldId === "string" ? [[newId, { oldId }]] : [];
  });
  return new Map(entries);
}

function outputsOf(mapping: Json | undefined): ReadonlyMap<number, number> {
  const steps = isJsonArray(mapping) ? mapping.filter(isJsonObject) : [];
  return new Map(steps.map((step) => [Number(step["old_idx"]), Number(step["new_idx"])]));
}

/** A graph as a server will run it. */
export interface ReplacedGraph {
  readonly graph: ApiGraph;
  /** Returns the place in which the value of a place of the sent graph ends up, or undefined where the server drops it. */
  readonly placeOf: (place: Place) => Place | undefined;
}

interface Known {
  readonly objectInfo: ObjectInfo;
  readonly replacements: NodeReplacements;
}

/**
 * The graph with the classes replaced that the server replaces: those that it does not have, for ones that it has.
 * @see https://github.com/Comfy-Org/ComfyUI/blob/v0.33.0/app/node_replace_manager.py apply_replacements
 */
export function replaceNodes(graph: ApiGraph, { objectInfo, replacements }: Known): ReplacedGraph {
  const replacementOf = (nodeId: string): NodeReplacement | undefined => {
    const classType = nodeOf(graph, nodeId)?.class_type ?? "";
    const replacement = objectInfo.has(classType) ? undefined : replacements.get(classType);
    return replacement !== undefined && objectInfo.has(replacement.newClass) ? replacement : undefined;
  };
  if (!Object.keys(graph).some((nodeId) => replacementOf(nodeId) !== undefined)) return { graph, placeOf: (place) => place };

  const relink = (value: Json): Json => {
    const link = asReference(value);
    const output = link === undefined ? undefined : replacementOf(link.nodeId)?.outputs.get(link.output);
    return link === undefined || output === undefined ? value : [link.nodeId, output];
  };
  const replaced = Object.entries(graph).map(([nodeId, node]): [string, ApiNode] => {
    const replacement = replacementOf(nodeId);
    const inputs = replacement === undefined ? node.inputs : newInputs(node.inputs, replacement);
    const linked = Object.fromEntries(Object.entries(inputs).map(([input, value]) => [input, relink(value)]));
    return [nodeId, { ...node, class_type: replacement?.newClass ?? node.class_type, inputs: linked }];
  });
  return {
    graph: Object.fromEntries(replaced),
    placeOf({ nodeId, input }) {
      const replacement = replacementOf(nodeId);
      if (replacement === undefined) return { nodeId, input };
      const found = [...replacement.inputs].find(([, source]) => "oldId" in source && source.oldId === input);
      return found === undefined ? undefined : { nodeId, input: found[0] };
    },
  };
}

function newInputs(old: JsonObject, { inputs }: NodeReplacement): JsonObject {
  const entries = [...inputs].flatMap(([newId, source]): [string, Json][] => {
    if ("value" in source) return [[newId, source.value]];
    const value = Object.hasOwn(old, source.oldId) ? old[source.oldId] : undefined;
    return value === undefined ? [] : [[newId, value]];
  });
  return Object.fromEntries(entries);
}
