import type { Json, JsonObject } from "../../lib/exact-json.ts";
import { nodeOf, type ApiGraph, type Place } from "./graph.ts";

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
