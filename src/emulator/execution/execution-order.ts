import { linksOf } from "../nodes/graph-links.ts";
import type { PyDict } from "../python-json.ts";

interface OrderDeps {
  readonly outputs: readonly string[];
  readonly isCached: (nodeId: string) => boolean;
  readonly isOutput: (nodeId: string) => boolean;
}

/**
 * The order in which ComfyUI runs the nodes that `outputs` need: cached nodes are left out (not the outputs themselves), and
 * of the nodes that are ready an output goes first, then one that feeds an output, then one that feeds such a one.
 */
export function executionOrder(graph: PyDict, { outputs, isCached, isOutput }: OrderDeps): string[] {
  const blockedBy = new Map<string, Set<string>>();
  const blocks = new Map<string, Set<string>>();
  for (const output of outputs) addWithAncestors(graph, { start: output, isCached, blockedBy, blocks });

  const order: string[] = [];
  while (blockedBy.size > 0) {
    const ready = [...blockedBy].filter(([, blockers]) => blockers.size === 0).map(([nodeId]) => nodeId);
    const next = pick(ready, { blocks, isOutput });
    // Validation refuses cycles among what the outputs need.
    if (next === undefined) throw new Error("Cannot order the workflow: it has a cycle");
    order.push(next);
    blockedBy.delete(next);
    for (const blocked of blocks.get(next) ?? []) blockedBy.get(blocked)?.delete(next);
  }
  return order;
}

interface Pending {
  readonly start: string;
  readonly isCached: (nodeId: string) => boolean;
  /** Keys in the order of adding, which decides ties. */
  readonly blockedBy: Map<string, Set<string>>;
  readonly blocks: Map<string, Set<string>>;
}

function addWithAncestors(graph: PyDict, { start, isCached, blockedBy, blocks }: Pending): void {
  const stack = [start];
  for (let nodeId = stack.pop(); nodeId !== undefined; nodeId = stack.pop()) {
    if (blockedBy.has(nodeId)) continue;
    const blockers = new Set<string>();
    blockedBy.set(nodeId, blockers);
    for (const link of linksOf(graph, nodeId)) {
      if (isCached(link.nodeId)) continue;
      blockers.add(link.nodeId);
      const blocked = blocks.get(link.nodeId) ?? new Set<string>();
      blocks.set(link.nodeId, blocked.add(nodeId));
      stack.push(link.nodeId);
    }
  }
}

type PickDeps = Pick<OrderDeps, "isOutput"> & { readonly blocks: ReadonlyMap<string, ReadonlySet<string>> };

function pick(ready: readonly string[], { blocks, isOutput }: PickDeps): string | undefined {
  const blockedBy = (nodeId: string): string[] => [...(blocks.get(nodeId) ?? [])];
  return (
    ready.find(isOutput) ??
    ready.find((nodeId) => blockedBy(nodeId).some(isOutput)) ??
    ready.find((nodeId) => blockedBy(nodeId).flatMap(blockedBy).some(isOutput)) ??
    ready[0]
  );
}
