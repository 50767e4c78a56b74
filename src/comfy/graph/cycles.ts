import { nodeOf, type ApiGraph } from "./graph.ts";
import { referencesIn } from "./reference.ts";

/**
 * Closed paths of links, each as the node ids along the way, every one followed by the node that it feeds. A graph has a cycle
 * exactly if this is not empty; of cycles that share nodes, not every combination is listed (there may be exponentially many).
 */
export function findCycles(graph: ApiGraph): readonly (readonly string[])[] {
  const finished = new Set<string>();
  const cycles: string[][] = [];
  for (const start of Object.keys(graph)) {
    if (!finished.has(start)) searchFrom(start, { graph, finished, cycles });
  }
  return cycles;
}

interface Search {
  readonly graph: ApiGraph;
  /** Nodes all of whose sources were searched. */
  readonly finished: Set<string>;
  readonly cycles: string[][];
}

/** Depth first with its own stack: a chain of 100,000 nodes must not overflow the program's. */
function searchFrom(start: string, { graph, finished, cycles }: Search): void {
  const path = [start];
  const positions = new Map([[start, 0]]);
  const unvisited = [sourcesOf(graph, start)];
  while (path.length > 0) {
    const source = unvisited.at(-1)?.pop();
    if (source === undefined) {
      const done = path.pop();
      unvisited.pop();
      if (done === undefined) continue;
      positions.delete(done);
      finished.add(done);
      continue;
    }
    const position = positions.get(source);
    // The path runs from a node to what it needs; turned round it reads along the links.
    if (position !== undefined) cycles.push(path.slice(position).toReversed());
    if (position !== undefined || finished.has(source)) continue;
    positions.set(source, path.length);
    path.push(source);
    unvisited.push(sourcesOf(graph, source));
  }
}

/** The existing nodes that feed a node, each once, last first (they are taken from the end). */
function sourcesOf(graph: ApiGraph, nodeId: string): string[] {
  const references = Object.values(nodeOf(graph, nodeId)?.inputs ?? {}).flatMap((value) => referencesIn(graph, value));
  const ids = new Set(references.map((reference) => reference.nodeId).filter((id) => nodeOf(graph, id) !== undefined));
  return [...ids].toReversed();
}
