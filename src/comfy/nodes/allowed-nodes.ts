import { ConfigError } from "../../errors.ts";
import { CORE_NODES_VERSION, coreNodes } from "./core-nodes.ts";
import { describeNode, type ApiGraph } from "../graph/graph.ts";
import { replaceNodes } from "./node-replacements.ts";
import type { ServerClasses } from "../client/server-classes.ts";

/** `workflow.allow_nodes`: class_types, `core` for ComfyUI's own, or any. */
export type AllowNodes = "any" | readonly string[];

export interface AllowOptions {
  /** Its name, for messages. */
  readonly workflow?: string;
  /** Classes of the servers that may run it. Of a class that none of them knows, a list made from a release decides. */
  readonly servers?: readonly ServerClasses[];
}

/**
 * Checks that a graph holds only nodes that its user allowed: a workflow from somewhere else may carry nodes that run
 * commands, send data away or cost money. `core` are the nodes that each server calls its own.
 * @throws {ConfigError} naming each node that is not allowed and the line that would allow all of them.
 */
export function checkAllowedNodes(graph: ApiGraph, allowNodes: AllowNodes, { workflow = "", servers = [] }: AllowOptions = {}): void {
  if (allowNodes === "any" || allowNodes.includes("any")) return;
  const allowed = new Set(allowNodes);
  const reasons = allowed.has("core") ? coreReasons(graph, servers) : null;
  const reasonOf = (nodeId: string): string | null => (reasons === null ? "" : (reasons.get(nodeId) ?? null));
  const refused = Object.entries(graph).filter(([nodeId, node]) => !allowed.has(node.class_type) && reasonOf(nodeId) !== null);
  if (refused.length === 0) return;
  const classes = [...new Set(refused.map(([, node]) => node.class_type))].toSorted();
  const nodes = refused.map(([nodeId]) => describeNode(graph, nodeId)).join(", ");
  const list = reasons === null ? "" : servers.length === 0 ? `the nodes of ComfyUI ${CORE_NODES_VERSION} (core) or ` : "core or ";
  const why = [...new Set(refused.map(([nodeId]) => reasonOf(nodeId)))].filter((reason) => reason !== "" && reason !== null);
  throw new ConfigError(
    `Cannot use the workflow${workflow === "" ? "" : ` ${workflow}`}: ${nodes} ${refused.length === 1 ? "is" : "are"} not among ${list}allow_nodes${why.map((reason) => `\n  ${reason}`).join("")}`,
    {
      hint: `if you trust ${classes.length === 1 ? "it" : "them"}, write under the workflow\n  allow_nodes: [${[...allowNodes, ...classes].map(yamlScalar).join(", ")}]`,
    },
  );
}

/** Node → why it is not core; "" where only the list says so. Nodes that are core everywhere are not there. */
function coreReasons(graph: ApiGraph, servers: readonly ServerClasses[]): ReadonlyMap<string, string> {
  const offline = coreNodes();
  const replaced = servers.map((server) => ({ server, graph: replaceNodes(graph, server).graph }));
  const entries = Object.entries(graph).flatMap(([nodeId, { class_type: sent }]): [string, string][] => {
    const told = replaced.flatMap(({ server, graph: runs }) => {
      const classType = runs[nodeId]?.class_type ?? sent;
      const info = server.objectInfo.get(classType);
      return info?.origin === undefined ? [] : [{ url: server.url, classType, ...info }];
    });
    if (told.length === 0) return offline.has(sent) ? [] : [[nodeId, ""]];
    const foreign = told.find(({ origin }) => origin !== "core");
    if (foreign === undefined) return [];
    const { url, classType, origin, module } = foreign;
    const nature = origin === "partner" ? "sends the work to a paid partner service" : "is not ComfyUI's own";
    return [[nodeId, `${classType} ${nature} on ${url}${module === "" ? "" : ` (it comes from ${module})`}`]];
  });
  return new Map(entries);
}

/** A class_type as it stands in a YAML flow list: plain where it can be, else quoted as JSON, which YAML reads. */
function yamlScalar(text: string): string {
  return /^[A-Za-z_][\w -]*\w$/.test(text) && !/^(?:true|false|null|yes|no|on|off)$/i.test(text) ? text : JSON.stringify(text);
}
