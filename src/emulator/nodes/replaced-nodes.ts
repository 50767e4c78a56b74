import type { NodeClasses } from "./node-classes.ts";
import { isPyDict, isPyList, type PyDict, type PyValue } from "../python-json.ts";

interface Replacing {
  readonly classes: Pick<NodeClasses, "get">;
  /** The body of GET /node_replacements. */
  readonly replacements: PyValue | undefined;
}

/**
 * The workflow with old classes replaced, as POST /prompt of 0.33.0 does before it checks anything.
 * @throws {TypeError} for a node to replace that has no `_meta`, where ComfyUI's own code raises.
 */
export function replacedNodes(graph: PyValue | undefined, { classes, replacements }: Replacing): PyValue | undefined {
  if (!isPyDict(graph) || !isPyDict(replacements)) return graph;
  const replaced = new Map(graph);
  for (const [nodeId, node] of graph) {
    const classType = isPyDict(node) && node.has("inputs") ? node.get("class_type") : undefined;
    if (!isPyDict(node) || typeof classType !== "string" || classes.get(classType) !== undefined) continue;
    const list = replacements.get(classType);
    const [first] = isPyList(list) ? list : [];
    const newClass = isPyDict(first) ? first.get("new_node_id") : undefined;
    if (!isPyDict(first) || typeof newClass !== "string" || classes.get(newClass) === undefined) continue;
    if (!isPyDict(node.get("_meta"))) throw new TypeError("'_meta'");
    const inputs = node.get("inputs");
    replaced.set(nodeId, new Map([...node, ["class_type", newClass], ["inputs", newInputs(isPyDict(inputs) ? inputs : new Map(), first)]]));
  }
  return replaced;
}

function newInputs(old: PyDict, replacement: PyDict): PyDict {
  const inputs: PyDict = new Map();
  const mapping = replacement.get("input_mapping");
  for (const step of isPyList(mapping) ? mapping : []) {
    const newId = isPyDict(step) ? step.get("new_id") : undefined;
    if (!isPyDict(step) || typeof newId !== "string") continue;
    const oldId = step.get("old_id");
    const value = step.has("set_value") ? step.get("set_value") : typeof oldId === "string" ? old.get(oldId) : undefined;
    if (value === undefined) throw new TypeError("KeyError");
    inputs.set(newId, value);
  }
  return inputs;
}
