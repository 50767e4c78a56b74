import { type FaultPlan, faultsOfRun, NO_RUN_FAULTS } from "../faults.ts";
import { classTypeOf, inputsOf, linkOf, linksOf } from "../nodes/graph-links.ts";
import type { MessageHub } from "../message-hub.ts";
import type { NodeCache } from "./node-cache.ts";
import type { NodeClasses } from "../nodes/node-classes.ts";
import { Interrupted, runOneNode, unitsOf, type NodeRunDeps, pacer } from "./node-run.ts";
import { isNodeValue, type NodeInputs, type NodeValue } from "../nodes/nodes.ts";
import { sizeOf } from "../images/image.ts";
import { clientIdOf, type QueueItem, type RunResult } from "./prompt-queue.ts";
import { dict, dumpsPython, type PyDict, type PyValue } from "../python-json.ts";
import { PyException, pyRepr, traceback } from "../python-values.ts";
import { runMessages, type RunMessages } from "./run-messages.ts";

type Shared = Pick<NodeRunDeps, "disk" | "disableMetadata" | "isInterrupted" | "onNode" | "tempSuffixOf" | "onSaved">;

export interface RunDeps extends Shared {
  readonly hub: Pick<MessageHub, "send" | "sendImage" | "destroyAll">;
  readonly cache: NodeCache;
  readonly classes: NodeClasses;
  readonly faults: FaultPlan;
  /** Time that the run takes unless everything is cached, ms. */
  readonly execMs: number;
  /** Aborted when the server is killed. */
  readonly signal: AbortSignal;
  /** Waits as long as the server is to be stuck. */
  stall(): Promise<void>;
}

export interface PromptRun extends RunResult {
  /** Nodes that really ran. */
  readonly ran: number;
  readonly tell: RunMessages;
}

/** Runs one prompt: messages, node cache, files. Rejects only when the server is killed. */
export async function runPrompt(item: QueueItem, deps: RunDeps): Promise<PromptRun> {
  const { graph, promptId } = item;
  const { cache, classes } = deps;
  const messages = runMessages(deps.hub, { promptId, clientId: clientIdOf(item) });
  messages.event("execution_start", dict({ prompt_id: promptId }));
  cache.startPrompt(graph);
  const isCached = (nodeId: string): boolean => cache.get(nodeId) !== undefined;
  messages.event("execution_cached", dict({ nodes: [...graph.keys()].filter(isCached), prompt_id: promptId }));
  const text = dumpsPython(graph);
  if (deps.faults.strikes("ws-drop", text, text)) deps.hub.destroyAll();
  if (deps.faults.strikes("stall", text, text)) await deps.stall();

  const isOutput = (nodeId: string): boolean => classes.get(classTypeOf(graph, nodeId))?.isOutput ?? false;
  const order = executionOrder(graph, { outputs: item.outputs, isCached, isOutput });
  const units = order.reduce(
    (sum, nodeId) => (isCached(nodeId) ? sum : sum + unitsOf(classTypeOf(graph, nodeId), inputsOf(graph, nodeId))),
    0,
  );
  const pace = pacer({ totalMs: deps.execMs * deps.faults.slowFactor, units, signal: deps.signal });
  const faults = units > 0 ? faultsOfRun(deps.faults, text) : NO_RUN_FAULTS;
  const executed: string[] = [];
  const run: Run = { ...deps, item, clientId: clientIdOf(item), messages, pace, faults, isOutput, executed };

  const success = await runNodes(order, run);
  if (success) messages.event("execution_success", dict({ prompt_id: promptId }));
  return { ...shownBy(graph, cache), success, messages: messages.history, ran: executed.length, tell: messages };
}

interface Run extends NodeRunDeps {
  readonly cache: NodeCache;
  readonly executed: string[];
}

/** Runs the nodes in order; false after an exception or an interruption, which it reports. */
async function runNodes(order: readonly string[], run: Run): Promise<boolean> {
  const { messages, cache, executed, item } = run;
  for (const nodeId of order) {
    const known = cache.get(nodeId);
    if (known !== undefined) {
      messages.executed(nodeId, known.ui ?? null);
      messages.nodeFinished(nodeId);
      continue;
    }
    const inputs = resolvedInputs(item.graph, nodeId, cache);
    try {
      const output = await runOneNode(nodeId, inputs, run);
      if (output.ui !== undefined) messages.executed(nodeId, output.ui);
      cache.set(nodeId, output);
      messages.nodeFinished(nodeId);
      executed.push(nodeId);
    } catch (error) {
      if (!(error instanceof Interrupted) && !(error instanceof PyException)) throw error;
      report(error, { nodeId, inputs, run });
      return false;
    }
  }
  return true;
}

interface FailedNode {
  readonly nodeId: string;
  readonly inputs: NodeInputs;
  readonly run: Run;
}

function report(error: Interrupted | PyException, { nodeId, inputs, run }: FailedNode): void {
  const { item, executed, messages } = run;
  const node = { prompt_id: item.promptId, node_id: nodeId, node_type: classTypeOf(item.graph, nodeId), executed: [...executed] };
  if (error instanceof Interrupted) return messages.event("execution_interrupted", dict(node), true);
  const hidden: PyDict = new Map();
  if (run.isOutput(nodeId)) {
    hidden.set("prompt", [pyRepr(item.graph)]);
    hidden.set("extra_pnginfo", [item.extraData.get("extra_pnginfo") ?? null]);
  }
  const details = {
    exception_message: `${error.message}\n`,
    exception_type: error.type,
    traceback: traceback("execute", "get_output_data", "_async_map_node_over_list", "process_inputs"),
    current_inputs: new Map([...[...inputs].map(([name, value]): [string, PyValue] => [name, [shownInput(value)]]), ...hidden]),
    current_outputs: [...item.graph.keys()],
  };
  messages.event("execution_error", dict({ ...node, ...details }));
}

/** An input as ComfyUI prints it; tensors only by their shape. */
function shownInput(value: PyValue | NodeValue): PyValue {
  if (!isNodeValue(value)) return value;
  if (value.kind === "latent") return `tensor of ${String(value.batch)} x 4 x ${String(value.height / 8)} x ${String(value.width / 8)}`;
  const [first] = value.kind === "images" ? value.images : [];
  if (value.kind === "other" || first === undefined) return `<object ${value.kind === "other" ? value.key : "empty"}>`;
  const { width, height } = sizeOf(first);
  return `tensor of ${String(value.images.length)} x ${String(height)} x ${String(width)} x 3`;
}

/** Outputs and meta for the history: whatever the cache knows of this prompt's output nodes, cached runs included. */
function shownBy(graph: PyDict, cache: NodeCache): { readonly outputs: PyDict; readonly meta: PyDict } {
  const outputs: PyDict = new Map();
  const meta: PyDict = new Map();
  for (const nodeId of graph.keys()) {
    const { ui, madeBy = nodeId } = cache.get(nodeId) ?? {};
    if (ui === undefined) continue;
    outputs.set(nodeId, ui);
    meta.set(nodeId, dict({ node_id: madeBy, display_node: madeBy, parent_node: null, real_node_id: madeBy }));
  }
  return { outputs, meta };
}

/** A node's inputs with links replaced by what the nodes before it made. */
function resolvedInputs(graph: PyDict, nodeId: string, cache: NodeCache): NodeInputs {
  const resolved = new Map<string, PyValue | NodeValue>();
  for (const [name, value] of inputsOf(graph, nodeId)) {
    const link = linkOf(value);
    const made = link === undefined ? value : cache.get(link.nodeId)?.values.at(link.output);
    if (made !== undefined) resolved.set(name, made);
  }
  return resolved;
}

interface OrderDeps {
  readonly outputs: readonly string[];
  readonly isCached: (nodeId: string) => boolean;
  readonly isOutput: (nodeId: string) => boolean;
}

/**
 * The order in which ComfyUI runs the nodes that `outputs` need: cached nodes are left out (not the outputs themselves), and
 * of the nodes that are ready an output goes first, then one that feeds an output, then one that feeds such a one.
 */
function executionOrder(graph: PyDict, { outputs, isCached, isOutput }: OrderDeps): string[] {
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
