import { randomUUID } from "node:crypto";
import type { FaultPlan } from "../faults.ts";
import { answerCrash, answerJson, readBody, type HttpExchange, answeredBusy } from "./http-exchange.ts";
import { type EmulatorDisk, fileAt } from "../files/disk.ts";
import type { NodeClasses } from "../nodes/node-classes.ts";
import type { PromptQueue } from "../execution/prompt-queue.ts";
import { dict, dumpsPython, isPyDict, isPyList, loadsPython, type PyDict, type PyValue } from "../python-json.ts";
import { pyBool, pyFloat, pyStr } from "../python-values.ts";
import type { Release } from "../nodes/releases.ts";
import { problem, validatePrompt } from "../nodes/validation.ts";

export interface PromptRouteDeps {
  readonly queue: Pick<PromptQueue, "put">;
  readonly classes: NodeClasses;
  readonly disk: Pick<EmulatorDisk, "get">;
  readonly faults: { current(): FaultPlan };
  /** See EmulatorOptions. */
  readonly promptIds: "any" | "uuid" | "own";
  readonly release: Release;
  /** POST /prompt came in, whatever the answer. */
  onPosted(): void;
  onQueued(): void;
}

/** POST /prompt, with the counter that starts at 0 with the process. */
export function promptRoute(deps: PromptRouteDeps): (exchange: HttpExchange) => Promise<void> {
  let counter = 0n;

  function numberFor(request: PyDict): bigint | number {
    const asked = request.get("number");
    if (asked !== undefined) return pyFloat(asked);
    // A refused prompt uses its number up, too.
    const number = counter++;
    return pyBool(request.get("front") ?? null) ? -number : number;
  }

  function submit(exchange: HttpExchange, request: PyDict, number: bigint | number): void {
    const sent = request.get("prompt");
    const graph = replacedNodes(sent, { classes: deps.classes, replacements: deps.release.replacements });
    if (graph === undefined) {
      return answerJson(exchange, errorBody(problem("no_prompt", "No prompt provided", "No prompt provided"), new Map()), 400);
    }
    const text = dumpsPython(graph);
    const faults = deps.faults.current();
    if (answeredBusy(exchange, { faults, subject: text, text })) return;
    if (faults.strikes("submit-drop", text, text)) return void exchange.response.destroy();
    if (isPyDict(graph) && faults.strikes("reject", text, text)) return answerJson(exchange, injectedRefusal(graph), 400);

    const asked = request.get("prompt_id") ?? null;
    if (deps.promptIds === "uuid" && asked !== null && !isUuid(asked)) return answerJson(exchange, errorBody(noUuid(), new Map()), 400);

    const imageExists = (name: string): boolean => fileAt(deps.disk, { name, fallback: "input" }) !== undefined;
    const { classes } = deps;
    const { error, outputs, nodeErrors } = validatePrompt(graph, {
      classes,
      imageExists,
      targets: request.get("partial_execution_targets"),
      namesMissingNodes: deps.release.namesMissingNodes,
    });
    if (error !== undefined || !isPyDict(graph)) return answerJson(exchange, errorBody(error ?? new Map(), nodeErrors), 400);

    const isOwn = request.get("prompt_id") === undefined || deps.promptIds === "own" || (deps.promptIds === "uuid" && asked === null);
    const promptId = isOwn ? randomUUID() : pyStr(asked);
    const extraData = extraDataOf(request);
    if (deps.release.notesArrival) extraData.set("create_time", BigInt(Date.now()));
    deps.queue.put({ number, promptId, graph, extraData, outputs });
    deps.onQueued();
    if (faults.strikes("submit-reset", text, text)) return void exchange.response.destroy();
    answerJson(exchange, dumpsPython(dict({ prompt_id: promptId, number, node_errors: nodeErrors })));
  }

  return async (exchange) => {
    deps.onPosted();
    const body = await readBody(exchange);
    let request: PyValue;
    let number: bigint | number;
    try {
      request = loadsPython(body.toString("utf8"));
      // `"prompt" in []` is false in Python: no prompt.
      if (isPyList(request)) request = new Map();
      if (!isPyDict(request)) throw new TypeError("the body is no object");
      number = numberFor(request);
      submit(exchange, request, number);
    } catch (error) {
      // Whatever ComfyUI's own code would raise here ends in the same 500; a bug of ours shows in the tests as one.
      if (exchange.response.headersSent) throw error;
      answerCrash(exchange);
    }
  };
}

/** Source: ComfyUI comfy_execution/jobs.py validate_job_id: the canonical form alone, in lower case with hyphens. */
function isUuid(value: PyValue): boolean {
  return typeof value === "string" && /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(value);
}

const noUuid = (): PyDict =>
  problem(
    "invalid_prompt_id",
    "prompt_id must be a valid UUID",
    "prompt_id must be a UUID string in canonical lowercase hyphenated form; omit it to let the server generate one",
  );

function extraDataOf(request: PyDict): PyDict {
  const sent = request.get("extra_data");
  const extraData: PyDict = isPyDict(sent) ? new Map(sent) : new Map();
  const clientId = request.get("client_id");
  if (clientId !== undefined) extraData.set("client_id", clientId);
  return extraData;
}

function errorBody(error: PyDict, nodeErrors: PyDict): string {
  return dumpsPython(dict({ error, node_errors: nodeErrors }));
}

/** Returns the answer of the fault "reject": this server does not have the model. */
function injectedRefusal(graph: PyDict): string {
  const [nodeId = "1", node] = [...graph][0] ?? [];
  const classType = isPyDict(node) ? (node.get("class_type") ?? null) : null;
  const extra = dict({ input_name: "ckpt_name", input_config: null, received_value: "injected.safetensors" });
  const reason = dict({
    type: "value_not_in_list",
    message: "Value not in list",
    details: "ckpt_name: 'injected.safetensors' not in []",
    extra_info: extra,
  });
  const entry = dict({ errors: [reason], dependent_outputs: [], class_type: classType });
  return errorBody(problem("prompt_outputs_failed_validation", "Prompt outputs failed validation"), new Map([[nodeId, entry]]));
}

interface Replacing {
  readonly classes: Pick<NodeClasses, "get">;
  /** The body of GET /node_replacements. */
  readonly replacements: PyValue | undefined;
}

/**
 * The workflow with old classes replaced, as POST /prompt of 0.33.0 does before it checks anything.
 * @throws {TypeError} for a node to replace that has no `_meta`, where ComfyUI's own code raises.
 */
function replacedNodes(graph: PyValue | undefined, { classes, replacements }: Replacing): PyValue | undefined {
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
