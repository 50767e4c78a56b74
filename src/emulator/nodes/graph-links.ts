import { isPyDict, isPyList, type PyDict, type PyValue } from "../python-json.ts";

/** A reference to another node's output, `[node_id, output_index]`. */
export interface Link {
  readonly nodeId: string;
  readonly output: number;
}

/** The link that `value` is, as ComfyUI's executor decides it; undefined for a constant. */
export function linkOf(value: PyValue | undefined): Link | undefined {
  if (!isPyList(value) || value.length !== 2) return undefined;
  const [nodeId, output] = value;
  if (typeof nodeId !== "string" || (typeof output !== "bigint" && typeof output !== "number")) return undefined;
  return { nodeId, output: Number(output) };
}

/** A node's class_type, `""` where there is none. */
export function classTypeOf(graph: PyDict, nodeId: string): string {
  const node = graph.get(nodeId);
  const classType = isPyDict(node) ? node.get("class_type") : undefined;
  return typeof classType === "string" ? classType : "";
}

/** A node's inputs, an empty dict where there are none. */
export function inputsOf(graph: PyDict, nodeId: string): PyDict {
  const node = graph.get(nodeId);
  const inputs = isPyDict(node) ? node.get("inputs") : undefined;
  return isPyDict(inputs) ? inputs : new Map<string, PyValue>();
}

/** Every link among a node's inputs, in their order. */
export function linksOf(graph: PyDict, nodeId: string): Link[] {
  return [...inputsOf(graph, nodeId).values()].flatMap((value) => linkOf(value) ?? []);
}
