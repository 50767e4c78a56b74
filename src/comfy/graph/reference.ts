import { isJsonArray, type Json } from "../../lib/exact-json.ts";
import { nodeOf, type ApiGraph } from "./graph.ts";

/** An input fed by another node's output. */
export interface Reference {
  readonly nodeId: string;
  /** From 0. */
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
