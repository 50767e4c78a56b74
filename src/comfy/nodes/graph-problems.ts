import { stringifyExact } from "../../lib/exact-json.ts";
import { didYouMean } from "../../lib/nearest.ts";
import { CORE_NODES_VERSION, coreNodes } from "./core-nodes.ts";
import { describeNode, nodeOf, type ApiGraph, type ApiNode, type Place, referencesIn, type Reference } from "../graph/graph.ts";
import { NO_REPLACEMENTS, replaceNodes, type NodeReplacements } from "./node-replacements.ts";
import { isWidgetInput, type ClassInfo, type InputInfo, type ObjectInfo, liveInputs } from "./object-info.ts";
import { valueProblem } from "./bound-values.ts";

/** One reason why a server would refuse a graph, or run it to no good. */
export interface GraphProblem {
  readonly kind: "dangling-link" | "bad-output-index" | "cycle" | "unknown-class" | "missing-input" | "value-not-in-list" | "out-of-range";
  readonly nodeId: string;
  /** "" where no single input is to blame. */
  readonly input: string;
  /** Names node id, class and title. */
  readonly message: string;
}

export interface GraphProblemOptions {
  /** Classes of a server; without them only links are checked. */
  readonly objectInfo?: ObjectInfo;
  /** Replacements for classes that the server does not have. */
  readonly replacements?: NodeReplacements;
  /** Nodes whose result is wanted. Inputs are checked only upstream of them, as ComfyUI does; without them, everywhere. */
  readonly outputs?: readonly string[];
  /** Places filled anew for each job: their present values do not matter. */
  readonly filledLater?: readonly Place[];
}

/** Everything wrong with a graph, in the order of its nodes; cycles last. Empty where all is well. */
export function graphProblems(sent: ApiGraph, options: GraphProblemOptions = {}): readonly GraphProblem[] {
  const { objectInfo, replacements = NO_REPLACEMENTS } = options;
  const { graph, placeOf } =
    objectInfo === undefined ? { graph: sent, placeOf: (place: Place) => place } : replaceNodes(sent, { objectInfo, replacements });
  const wanted = options.outputs === undefined ? undefined : upstreamOf(graph, options.outputs);
  const filledLater = new Set(
    (options.filledLater ?? []).flatMap((place) => placeOf(place) ?? []).map(({ nodeId, input }) => stringifyExact([nodeId, input])),
  );
  const problems: GraphProblem[] = [];
  for (const [nodeId, node] of Object.entries(graph)) {
    problems.push(...linkProblems(graph, nodeId, objectInfo));
    if (objectInfo === undefined) continue;
    const info = objectInfo.get(node.class_type);
    // ComfyUI looks up the class of every node, used or not, but checks the inputs only of those that an output needs.
    if (info === undefined) problems.push(unknownClass(graph, nodeId, objectInfo));
    else if (wanted === undefined || wanted.has(nodeId)) {
      const isFilledLater = (input: string) => filledLater.has(stringifyExact([nodeId, input]));
      problems.push(...inputProblems(describeNode(graph, nodeId), nodeId, { node, info, isFilledLater }));
    }
  }
  return [...problems, ...findCycles(graph).map((path) => cycleProblem(graph, path))];
}

/** The given nodes and all that they need, whatever the graph's cycles. */
export function upstreamOf(graph: ApiGraph, nodeIds: readonly string[]): ReadonlySet<string> {
  const seen = new Set<string>();
  const open = [...nodeIds];
  for (let nodeId = open.pop(); nodeId !== undefined; nodeId = open.pop()) {
    if (seen.has(nodeId)) continue;
    seen.add(nodeId);
    for (const value of Object.values(nodeOf(graph, nodeId)?.inputs ?? {})) {
      for (const reference of referencesIn(graph, value)) open.push(reference.nodeId);
    }
  }
  return seen;
}

function linkProblems(graph: ApiGraph, nodeId: string, objectInfo: ObjectInfo | undefined): readonly GraphProblem[] {
  const inputs = Object.entries(nodeOf(graph, nodeId)?.inputs ?? {});
  return inputs.flatMap(([input, value]) =>
    referencesIn(graph, value).flatMap((reference) => linkProblem(graph, { nodeId, input }, { reference, objectInfo }) ?? []),
  );
}

interface Link {
  readonly reference: Reference;
  readonly objectInfo: ObjectInfo | undefined;
}

function linkProblem(graph: ApiGraph, { nodeId, input }: Place, { reference, objectInfo }: Link): GraphProblem | undefined {
  const here = `${describeNode(graph, nodeId)}, input "${input}"`;
  const source = nodeOf(graph, reference.nodeId);
  if (source === undefined) {
    const declared = declaredInput(graph, { nodeId, input }, objectInfo);
    // ComfyUI reads every [text, number] as a link, even where a value belongs: that cannot run, but the remedy is another.
    const remedy =
      declared !== undefined && isWidgetInput(declared)
        ? `; a list meant as a value is written {"__value__": [${JSON.stringify(reference.nodeId)}, ${reference.output}]}`
        : didYouMean(reference.nodeId, Object.keys(graph));
    return { kind: "dangling-link", nodeId, input, message: `${here}: linked to node ${reference.nodeId}, which does not exist${remedy}` };
  }
  const outputs = objectInfo?.get(source.class_type)?.outputs;
  if (reference.output >= 0 && (outputs === undefined || reference.output < outputs.length)) return undefined;
  const has = outputs === undefined ? "outputs count from 0" : `which has ${countOutputs(outputs)}`;
  const message = `${here}: linked to output ${reference.output} of ${describeNode(graph, reference.nodeId)}, ${has}`;
  return { kind: "bad-output-index", nodeId, input, message };
}

function countOutputs(outputs: readonly string[]): string {
  if (outputs.length === 0) return "no outputs";
  return `only ${outputs.map((type, index) => `${index} (${type})`).join(", ")}`;
}

function unknownClass(graph: ApiGraph, nodeId: string, objectInfo: ObjectInfo): GraphProblem {
  const classType = nodeOf(graph, nodeId)?.class_type ?? "";
  const core = coreNodes();
  const near = core.has(classType)
    ? `, which ComfyUI ${CORE_NODES_VERSION} has: update the server, or see in its console why the node did not load`
    : didYouMean(classType, new Set([...objectInfo.keys(), ...core]));
  return {
    kind: "unknown-class",
    nodeId,
    input: "",
    message: `${describeNode(graph, nodeId)}: the server does not know the class ${classType}${near}`,
  };
}

interface CheckedNode {
  readonly node: ApiNode;
  readonly info: ClassInfo;
  readonly isFilledLater: (input: string) => boolean;
}

function inputProblems(here: string, nodeId: string, { node, info, isFilledLater }: CheckedNode): readonly GraphProblem[] {
  return [...liveInputs(info, node.inputs)].flatMap(([input, declared]): readonly GraphProblem[] => {
    if (!Object.hasOwn(node.inputs, input)) {
      if (!declared.required) return [];
      return [{ kind: "missing-input", nodeId, input, message: `${here}: required input "${input}" (${declared.type}) is missing` }];
    }
    const value = node.inputs[input] ?? null;
    // Lists are links, or constants that only the node's own code can judge.
    if (isFilledLater(input) || (typeof value === "object" && value !== null)) return [];
    const problem = valueProblem(value, declared);
    return problem === undefined
      ? []
      : [{ ...problem, nodeId, input, message: `${here}: "${input}" is ${stringifyExact(value)}, ${problem.message}` }];
  });
}

/** Returns the description of an input, those that dynamic inputs of its node bring along included. */
function declaredInput(graph: ApiGraph, { nodeId, input }: Place, objectInfo: ObjectInfo | undefined): InputInfo | undefined {
  const node = nodeOf(graph, nodeId);
  const info = node === undefined ? undefined : objectInfo?.get(node.class_type);
  return node === undefined || info === undefined ? undefined : liveInputs(info, node.inputs).get(input);
}

function cycleProblem(graph: ApiGraph, path: readonly string[]): GraphProblem {
  const [first = ""] = path;
  const steps = [...path, first].map((nodeId) => describeNode(graph, nodeId)).join(" → ");
  return {
    kind: "cycle",
    nodeId: first,
    input: "",
    message: `${describeNode(graph, first)}: is part of a cycle, its result is needed for its own input: ${steps}`,
  };
}

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
