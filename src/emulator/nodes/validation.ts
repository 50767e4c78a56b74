import { classTypeOf } from "./graph-links.ts";
import { validateNode, type NodeValidationDeps, type ValidationState } from "./node-validation.ts";
import { dict, isPyDict, isPyList, type PyDict, type PyValue } from "../python-json.ts";
import { pyStr, PyException, traceback } from "../python-values.ts";

/** The result of validating a workflow. Without `error` it runs, even if `nodeErrors` is not empty. */
export interface Validation {
  readonly error: PyDict | undefined;
  /** The output nodes that can run. */
  readonly outputs: readonly string[];
  readonly nodeErrors: PyDict;
}

export interface ValidationDeps extends NodeValidationDeps {
  /** `partial_execution_targets`: the only output nodes to look at. */
  readonly targets: PyValue | undefined;
  /** See Release. */
  readonly namesMissingNodes: boolean;
}

/**
 * Checks a workflow as ComfyUI 0.3.64 does, converting its inputs in place ("64" becomes 64).
 * @throws {TypeError} where ComfyUI's own check crashes, which it answers with 500 (a workflow in the UI format, for one).
 */
export function validatePrompt(prompt: PyValue | undefined, deps: ValidationDeps): Validation {
  if (prompt === "" || (isPyList(prompt) && prompt.length === 0)) return refused(problem("prompt_no_outputs", "Prompt has no outputs"));
  if (!isPyDict(prompt)) throw new TypeError("Cannot validate a prompt that is no dict");
  const found = outputNodes(prompt, deps);
  if (!Array.isArray(found)) return refused(found);
  if (found.length === 0) return refused(problem("prompt_no_outputs", "Prompt has no outputs"));

  const state: ValidationState = { graph: prompt, deps, validated: new Map(), visiting: new Set() };
  const good: string[] = [];
  const details: string[] = [];
  const nodeErrors: PyDict = new Map();
  for (const output of found) {
    const { valid, errors } = validateOutput(state, output);
    if (valid) {
      good.push(output);
      continue;
    }
    details.push(...errors.map((error) => `${pyStr(error.get("message") ?? "")}: ${pyStr(error.get("details") ?? "")}`));
    collectErrors(state, output, nodeErrors);
  }
  if (good.length > 0) return { error: undefined, outputs: good, nodeErrors };
  const error = problem("prompt_outputs_failed_validation", "Prompt outputs failed validation", details.join("\n"));
  return { error, outputs: [], nodeErrors };
}

/** The output nodes to run, or what is wrong with the prompt as a whole. */
function outputNodes(prompt: PyDict, { classes, targets, namesMissingNodes }: ValidationDeps): string[] | PyDict {
  const outputs: string[] = [];
  for (const [nodeId, node] of prompt) {
    // `'class_type' in node` raises TypeError for a number, which becomes the 500 for UI workflows.
    if (typeof node !== "string" && !isPyDict(node) && !isPyList(node)) throw new TypeError("argument is not iterable");
    const classType = isPyDict(node) ? node.get("class_type") : undefined;
    if (classType === undefined && namesMissingNodes) return missingNode(nodeId, { node, classType: null });
    if (classType === undefined) {
      return problem("invalid_prompt", "Cannot execute because a node is missing the class_type property.", `Node ID '#${nodeId}'`);
    }
    if (isPyDict(classType) || isPyList(classType)) throw new TypeError("unhashable type");
    const nodeClass = typeof classType === "string" ? classes.get(classType) : undefined;
    if (nodeClass === undefined && namesMissingNodes) return missingNode(nodeId, { node, classType });
    if (nodeClass === undefined) {
      return problem("invalid_prompt", `Cannot execute because node ${pyStr(classType)} does not exist.`, `Node ID '#${nodeId}'`);
    }
    if (nodeClass.isOutput && isTarget(nodeId, targets)) outputs.push(nodeId);
  }
  return outputs;
}

/** The name that 0.33.0 gives to a node that it cannot run. */
function missingNode(nodeId: string, { node, classType }: { readonly node: PyValue; readonly classType: PyValue }): PyDict {
  const meta = isPyDict(node) ? node.get("_meta") : undefined;
  const written = isPyDict(meta) ? (meta.get("title") ?? null) : null;
  const title = written ?? classType;
  const message =
    classType === null
      ? `Node '${written === null ? `ID #${nodeId}` : pyStr(written)}' has no class_type. The workflow may be corrupted or a custom node is missing.`
      : `Node '${pyStr(title)}' not found. The custom node may not be installed.`;
  const error = problem("missing_node_type", message, `Node ID '#${nodeId}'`);
  return error.set("extra_info", dict({ node_id: nodeId, class_type: classType, node_title: title }));
}

/** Python's `nodeId in targets`. */
function isTarget(nodeId: string, targets: PyValue | undefined): boolean {
  if (targets === undefined || targets === null) return true;
  return (isPyList(targets) || typeof targets === "string") && targets.includes(nodeId);
}

function validateOutput(state: ValidationState, output: string): { readonly valid: boolean; readonly errors: readonly PyDict[] } {
  try {
    return validateNode(state, output);
  } catch (error) {
    // ComfyUI catches whatever its own check raises here, for example KeyError for a link to an unknown node.
    if (!(error instanceof PyException)) throw error;
    const reason = dict({
      type: "exception_during_validation",
      message: "Exception when validating node",
      details: error.message,
      extra_info: dict({ exception_type: error.type, traceback: traceback("validate_prompt", "validate_inputs") }),
    });
    const result = { valid: false, errors: [reason] };
    state.validated.set(output, result);
    return result;
  }
}

/** Adds every node with errors of its own, naming `output` as one that depends on it. */
function collectErrors(state: ValidationState, output: string, nodeErrors: PyDict): void {
  for (const [nodeId, { valid, errors }] of state.validated) {
    if (valid || errors.length === 0) continue;
    const known = nodeErrors.get(nodeId);
    const dependents = isPyDict(known) ? known.get("dependent_outputs") : undefined;
    const dependentOutputs = [...(isPyList(dependents) ? dependents : []), output];
    const classType = classTypeOf(state.graph, nodeId);
    nodeErrors.set(nodeId, dict({ errors: [...errors], dependent_outputs: dependentOutputs, class_type: classType }));
  }
}

/** An `error` object. */
export function problem(type: string, message: string, details = ""): PyDict {
  return dict({ type, message, details, extra_info: new Map() });
}

function refused(error: PyDict): Validation {
  return { error, outputs: [], nodeErrors: new Map() };
}
