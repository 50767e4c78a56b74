import { ConfigError } from "../errors.ts";
import { CORE_NODES_VERSION, coreNodes } from "./core-nodes.ts";
import { describeNode, type ApiGraph } from "./graph.ts";

/** `workflow.allow_nodes`: class_types, `core` for ComfyUI's own, or any. */
export type AllowNodes = "any" | readonly string[];

/**
 * Checks that a graph holds only nodes that its user allowed: a workflow from somewhere else may carry nodes that run
 * commands, send data away or cost money.
 * @throws {ConfigError} naming each node that is not allowed and the line that would allow all of them.
 */
export function checkAllowedNodes(graph: ApiGraph, allowNodes: AllowNodes, { workflow = "" }: { readonly workflow?: string } = {}): void {
  if (allowNodes === "any" || allowNodes.includes("any")) return;
  const allowed = new Set(allowNodes);
  const core = allowed.has("core") ? coreNodes() : new Set<string>();
  const refused = Object.entries(graph).filter(([, node]) => !allowed.has(node.class_type) && !core.has(node.class_type));
  if (refused.length === 0) return;
  const classes = [...new Set(refused.map(([, node]) => node.class_type))].toSorted();
  const nodes = refused.map(([nodeId]) => describeNode(graph, nodeId)).join(", ");
  const nature = allowed.has("core")
    ? `not among the nodes of ComfyUI ${CORE_NODES_VERSION} (core) or allow_nodes`
    : "not among allow_nodes";
  throw new ConfigError(
    `Cannot use the workflow${workflow === "" ? "" : ` ${workflow}`}: ${nodes} ${refused.length === 1 ? "is" : "are"} ${nature}`,
    {
      hint: `if you trust ${classes.length === 1 ? "it" : "them"}, write under the workflow\n  allow_nodes: [${[...allowNodes, ...classes].map(yamlScalar).join(", ")}]`,
    },
  );
}

/** A class_type as it stands in a YAML flow list: plain where it can be, else quoted as JSON, which YAML reads. */
function yamlScalar(text: string): string {
  return /^[A-Za-z_][\w -]*\w$/.test(text) && !/^(?:true|false|null|yes|no|on|off)$/i.test(text) ? text : JSON.stringify(text);
}
