import { createHash, randomUUID } from "node:crypto";
import { classTypeOf, inputsOf, linkOf } from "../nodes/graph-links.ts";
import { dumpsPython, type PyDict } from "../python-json.ts";
import type { NodeOutput } from "../nodes/nodes.ts";

export interface CachedOutput extends NodeOutput {
  /** The node that made it: another one if two nodes have the same inputs, or the same node had another id. */
  readonly madeBy: string;
}

/** ComfyUI's classic cache: what the nodes of the last prompt made, by class and inputs, their ancestors' included. */
export interface NodeCache {
  /** Starts a prompt: forgets everything whose signature this prompt does not have. */
  startPrompt(graph: PyDict): void;
  get(nodeId: string): CachedOutput | undefined;
  set(nodeId: string, output: NodeOutput): void;
  clear(): void;
}

interface CacheDeps {
  /** Everything else that a node's result depends on (IS_CHANGED): a file's content, or the time. */
  fingerprint(classType: string, inputs: PyDict): string;
}

export function nodeCache(deps: CacheDeps): NodeCache {
  const outputs = new Map<string, CachedOutput>();
  let signatures = new Map<string, string>();
  return {
    startPrompt(graph) {
      signatures = signaturesOf(graph, deps);
      const kept = new Set(signatures.values());
      for (const signature of outputs.keys()) if (!kept.has(signature)) outputs.delete(signature);
    },
    get: (nodeId) => outputs.get(signatures.get(nodeId) ?? ""),
    set(nodeId, output) {
      const signature = signatures.get(nodeId);
      if (signature !== undefined) outputs.set(signature, { ...output, madeBy: nodeId });
    },
    clear: () => outputs.clear(),
  };
}

function signaturesOf(graph: PyDict, deps: CacheDeps): Map<string, string> {
  const known = new Map<string, string>();
  const visiting = new Set<string>();

  function signatureOf(nodeId: string): string {
    const done = known.get(nodeId);
    if (done !== undefined) return done;
    // A link to nowhere and a cycle, in a part of the workflow that does not run, never equal anything.
    if (!graph.has(nodeId) || visiting.has(nodeId)) return randomUUID();
    visiting.add(nodeId);
    const classType = classTypeOf(graph, nodeId);
    const inputs = inputsOf(graph, nodeId);
    const parts = [classType, deps.fingerprint(classType, inputs)];
    for (const name of [...inputs.keys()].toSorted()) {
      const value = inputs.get(name) ?? null;
      const link = linkOf(value);
      parts.push(name, link === undefined ? dumpsPython(value) : `${signatureOf(link.nodeId)} ${String(link.output)}`);
    }
    const signature = createHash("sha256").update(JSON.stringify(parts)).digest("base64");
    known.set(nodeId, signature);
    return signature;
  }

  for (const nodeId of graph.keys()) signatureOf(nodeId);
  return known;
}
