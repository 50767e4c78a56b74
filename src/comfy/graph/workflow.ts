import { isUtf8 } from "node:buffer";
import { ConfigError } from "../../errors.ts";
import { DepthError, isJsonObject, type Json, type JsonObject } from "../../lib/exact-json.ts";
import { detectForeignEncoding, toUtf8Hint } from "../../lib/files/foreign-encoding.ts";
import { jsonErrorPosition } from "../../lib/json-error-position.ts";
import { parsePython } from "../../lib/python-json.ts";
import type { ApiGraph, ApiNode } from "./graph.ts";
import { isSecretName } from "../../lib/secret-names.ts";

/** A workflow file, read but not yet bound to a dataset. */
export interface Workflow {
  readonly graph: ApiGraph;
  /** Everything around the graph in a wrapped file, without client_id: extra_data, and keys that are only kept. {} for a bare graph. */
  readonly wrapper: JsonObject;
}

/** Characters shown of the place where a file is no JSON. */
const SHOWN_CHARS = 20;
/** Characters before such a place in which a key is looked for: a key, its value and a line's indentation. */
const NAME_IS_NEAR_CHARS = 400;

const EXPORT_HINT =
  "save it again in ComfyUI with Workflow → Export (API); in older versions switch on Settings → Dev mode options first, then use Save (API Format)";

/**
 * The text of a workflow file. `file` is for messages.
 * @throws {ConfigError} where it is not UTF-8, as PowerShell's `>` does not write it.
 */
export function workflowText(bytes: Buffer, { file }: { readonly file: string }): string {
  const encoding = detectForeignEncoding(bytes);
  if (encoding !== null) throw new ConfigError(`Cannot read workflow ${file}: it is ${encoding}`, { hint: toUtf8Hint(encoding) });
  if (!isUtf8(bytes)) throw notAWorkflow(file, "it is not UTF-8 text");
  return bytes.toString("utf8");
}

/**
 * Reads a workflow in API format, bare or wrapped as `{client_id, prompt, extra_data, …}`; 64-bit integers stay exact, and Python's NaN and
 * Infinity what they are.
 * `file` is for messages.
 * @throws {ConfigError} on broken JSON (with line and column), the UI format, or anything that is no workflow.
 */
export function parseWorkflow(text: string, { file }: { readonly file: string }): Workflow {
  const top = parseJson(text.replace(/^\uFEFF/, ""), file);
  if (!isJsonObject(top)) throw notAWorkflow(file, `it holds ${kindOf(top)}, expected an object of nodes`);
  refuseUiFormat(top, file);
  // A bare graph may have a node with the id "prompt"; a node has a class_type, a graph does not.
  const inner = top["prompt"];
  const isWrapped = Object.hasOwn(top, "prompt") && !(isJsonObject(inner) && typeof inner["class_type"] === "string");
  if (!isWrapped) return { graph: parseGraph(top, file), wrapper: {} };

  if (!isJsonObject(inner)) throw notAWorkflow(file, `its "prompt" is ${kindOf(inner)}, expected an object of nodes`);
  refuseUiFormat(inner, file);
  const extraData = top["extra_data"] ?? {};
  if (!isJsonObject(extraData)) throw notAWorkflow(file, `its "extra_data" is ${kindOf(extraData)}, expected an object`);
  // client_id names the socket that gets a run's messages: that of the program which saved the file is of no use here.
  const kept = Object.entries(top).filter(([key]) => key !== "prompt" && key !== "client_id");
  return { graph: parseGraph(inner, file), wrapper: Object.fromEntries(kept) };
}

/** Returns the `extra_data` of POST /prompt: the file's own, or {} where it has none. */
export function extraDataOf(wrapper: JsonObject): JsonObject {
  const extraData = wrapper["extra_data"];
  return isJsonObject(extraData) ? extraData : {};
}

function parseJson(text: string, file: string): Json {
  try {
    return parsePython(text);
  } catch (error) {
    if (error instanceof DepthError) throw notAWorkflow(file, error.message, error);
    if (!(error instanceof SyntaxError)) throw error;
    if (text.trim() === "") throw notAWorkflow(file, "it is empty");
    const { offset, line, column, expected } = jsonErrorPosition(text, { python: true });
    const found =
      offset >= text.length
        ? "the end of the file"
        : mayShow(text, offset)
          ? JSON.stringify(text.slice(offset, offset + SHOWN_CHARS))
          : "something else";
    throw notAWorkflow(file, `it is no JSON at line ${line}, column ${column}: expected ${expected}, found ${found}`, error);
  }
}

/** False where a secret's name stands near: what was found there may be the secret. */
function mayShow(text: string, offset: number): boolean {
  const line = text.slice(text.lastIndexOf("\n", offset - 1) + 1, offset + SHOWN_CHARS);
  return ![...line.slice(-NAME_IS_NEAR_CHARS).matchAll(/[\w.-]+/g)].some(([name]) => isSecretName(name));
}

/** The UI format is known by its list of nodes; in API format `nodes` could only be a node, which is an object. */
function refuseUiFormat(value: JsonObject, file: string): void {
  const inner = value["workflow"];
  const isUiFormat =
    Array.isArray(value["nodes"]) || (!Object.hasOwn(value, "prompt") && isJsonObject(inner) && Array.isArray(inner["nodes"]));
  if (!isUiFormat) return;
  throw new ConfigError(
    `Cannot use workflow ${file}: it is in the UI format (nodes and links, as the editor saves it), which servers do not run`,
    {
      hint: EXPORT_HINT,
    },
  );
}

function parseGraph(value: JsonObject, file: string): ApiGraph {
  const entries = Object.entries(value);
  if (entries.length === 0) throw notAWorkflow(file, "it has no nodes");
  // fromEntries, not assignment: a node called "__proto__" must stay a node.
  return Object.fromEntries(entries.map(([id, node]) => [id, parseNode(node, { id, file })]));
}

function parseNode(value: Json, { id, file }: { readonly id: string; readonly file: string }): ApiNode {
  if (!isJsonObject(value)) throw notAWorkflow(file, `node ${id} is ${kindOf(value)}, expected an object with class_type and inputs`);
  const classType = value["class_type"];
  if (typeof classType !== "string" || classType === "") throw notAWorkflow(file, `node ${id} has no class_type`);
  const inputs = value["inputs"] ?? {};
  if (!isJsonObject(inputs)) throw notAWorkflow(file, `the inputs of node ${id} (${classType}) are ${kindOf(inputs)}, expected an object`);
  const meta = value["_meta"];
  // A run writes the answer of the node's IS_CHANGED into `is_changed`. If it were sent again, ComfyUI would use that answer and not ask the
  // node: a node that must always run would come from the cache. Source: IsChangedCache.get, execution.py.
  const { _meta: _, is_changed: __, ...rest } = value;
  return { ...rest, class_type: classType, inputs, ...(isJsonObject(meta) ? { _meta: meta } : {}) };
}

function notAWorkflow(file: string, why: string, cause?: Error): ConfigError {
  return new ConfigError(`Cannot read workflow ${file}: ${why}`, { hint: EXPORT_HINT, cause });
}

function kindOf(value: Json | undefined): string {
  if (value === undefined || value === null) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "an object";
  return typeof value === "string" ? "a text" : `a ${typeof value}`;
}
