import { TransientError } from "../../errors.ts";
import { isJsonArray, isJsonObject, type Json, type JsonObject } from "../../lib/exact-json.ts";
import { withoutHiddenWords } from "../../lib/terminal/hidden-words.ts";
import type { ApiGraph } from "../graph/graph.ts";
import { serverWords } from "../../lib/http/failure.ts";
import type { Call } from "../connection/connection.ts";
import type { Answer, Http } from "../connection/http.ts";
import { withMark, type JobMark } from "./job-mark.ts";
import { stringifyPython, tryParsePython } from "../../lib/python-json.ts";
import { counted } from "../../lib/words.ts";

/** The content of POST /prompt. */
export interface Submission {
  readonly prompt: ApiGraph;
  /** Ours, a UUID: newer servers insist on it. */
  readonly promptId: string;
  /** Whose WebSocket gets the events; older servers lose the outputs of cached runs without it (ComfyUI PR#14939). */
  readonly clientId: string;
  readonly extraData?: JsonObject;
  /** Goes along in extra_data, to find the prompt by where the server calls it otherwise. */
  readonly mark?: Omit<JobMark, "promptId">;
  /** True if the prompt goes before all prompts that wait. */
  readonly front?: boolean;
  /** Its place in the queue: lower runs first. */
  readonly number?: number;
}

/** The complaints of ComfyUI about one node. */
export interface NodeError {
  readonly nodeId: string;
  readonly classType: string;
  readonly errors: readonly {
    /** `value_not_in_list`, `required_input_missing`, … */
    readonly type: string;
    readonly message: string;
    readonly details: string;
    readonly inputName?: string;
    readonly receivedValue?: Json;
  }[];
}

export type SubmitAnswer =
  /**
   * `promptId` is the server's id for the prompt. Older servers ignore the id that was sent, and use their own in queue, history and events.
   * An accepted prompt may have nodeErrors: the server drops outputs that failed validation, and runs the rest.
   */
  | { readonly kind: "accepted"; readonly promptId: string; readonly number: number; readonly nodeErrors: readonly NodeError[] }
  /** Sending it again cannot help. `message` is ComfyUI's own; what it holds against single nodes is in nodeErrors. */
  | { readonly kind: "refused"; readonly status: number; readonly message: string; readonly nodeErrors: readonly NodeError[] }
  /** It may be queued or not: ask /queue and /history, never post again. */
  | { readonly kind: "unknown"; readonly cause: TransientError };

/** aiohttp's page for an exception in a handler: ComfyUI's raises before it queues anything. A proxy's own 500 does not say so. */
const HANDLER_RAISED = "Server got itself in trouble";
/** A UUID has 36; anything much longer is no id. */
const PROMPT_ID_MAX_CHARS = 200;
/** Longest detail, characters: some hold tracebacks. */
const DETAIL_CHARS = 1_000;

/**
 * POST /prompt.
 * @throws {TransientError} where the prompt surely was not taken: no connection, 404, 405, 429, a redirect, a 4xx that is not ComfyUI's.
 */
export async function submit(http: Http, submission: Submission, signal: AbortSignal): Promise<SubmitAnswer> {
  const call: Call = { method: "POST", path: "/prompt", json: stringifyPython(bodyOf(submission)), signal, isAboutOne: true };
  const answer = await post(http, call);
  if (answer instanceof TransientError) return { kind: "unknown", cause: answer };
  const { status, text } = answer;
  const parsed = tryParsePython(text);
  const fields = isJsonObject(parsed) ? parsed : null;
  if (status === 200) return accepted(fields) ?? { kind: "unknown", cause: http.foreign(call, text) };
  const message = refusalMessage(status, { text, fields });
  if (message !== null) return { kind: "refused", status, message, nodeErrors: nodeErrorsOf(fields?.["node_errors"]) };
  const error = http.refusal(call, answer);
  // 408 and 5xx may come from a proxy that gave up on a server which goes on.
  if (!(error instanceof TransientError) || (status < 500 && status !== 408)) throw error;
  return { kind: "unknown", cause: error };
}

function bodyOf({ prompt, promptId, clientId, extraData = {}, mark, front, number }: Submission): JsonObject {
  return {
    prompt,
    prompt_id: promptId,
    client_id: clientId,
    extra_data: mark === undefined ? extraData : withMark(extraData, { ...mark, promptId }),
    ...(front === undefined ? {} : { front }),
    ...(number === undefined ? {} : { number }),
  };
}

/** The whole answer, or why it is not known whether the server took the prompt. */
async function post(http: Http, call: Call): Promise<Answer | TransientError> {
  try {
    const { statusCode, headers, body } = await http.exchange(call);
    return { status: statusCode, headers, text: await http.textOf(call, body) };
  } catch (error) {
    if (!(error instanceof TransientError) || http.isUnsent(error)) throw error;
    return error;
  }
}

/** Returns null if the answer is not ComfyUI's. */
function accepted(fields: JsonObject | null): SubmitAnswer | null {
  const promptId = fields?.["prompt_id"];
  if (fields === null || typeof promptId !== "string" || promptId === "" || promptId.length > PROMPT_ID_MAX_CHARS) return null;
  return { kind: "accepted", promptId, number: Number(fields["number"]), nodeErrors: nodeErrorsOf(fields["node_errors"]) };
}

/** Reads why ComfyUI refuses the prompt itself. Returns null if the answer is about something else, or not ComfyUI's. */
function refusalMessage(status: number, { text, fields }: { readonly text: string; readonly fields: JsonObject | null }): string | null {
  if (status === 413) return "413: the workflow is larger than the server takes";
  if (status === 403 && text === "") {
    return "403: ComfyUI refuses requests whose Origin header names another host than its own; remove `origin` from servers[].headers";
  }
  if (status === 500 && text.includes(HANDLER_RAISED)) {
    return "500: ComfyUI raised an exception while reading the workflow, as it does for one in the UI format; its console says more";
  }
  const error = fields?.["error"];
  // Whatever ComfyUI refuses it says with both; a firewall's JSON has an "error", too.
  if (status !== 400 || error === undefined || fields?.["node_errors"] === undefined) return null;
  if (!isJsonObject(error)) return typeof error === "string" ? serverWords(error) : null;
  return [error["message"], error["details"]].map(detailOf).filter(Boolean).join(": ");
}

function nodeErrorsOf(value: Json | undefined): readonly NodeError[] {
  if (!isJsonObject(value)) return [];
  return Object.entries(value).map(([nodeId, node]) => {
    const fields = isJsonObject(node) ? node : {};
    const errors = isJsonArray(fields["errors"]) ? fields["errors"].filter(isJsonObject) : [];
    return { nodeId: detailOf(nodeId), classType: detailOf(fields["class_type"]), errors: errors.map(nodeErrorOf) };
  });
}

function nodeErrorOf(error: JsonObject): NodeError["errors"][number] {
  const extra = isJsonObject(error["extra_info"]) ? error["extra_info"] : {};
  const { input_name: inputName, received_value: receivedValue } = extra;
  return {
    type: detailOf(error["type"]),
    message: detailOf(error["message"]),
    details: detailOf(error["details"]),
    ...(typeof inputName === "string" ? { inputName } : {}),
    ...(receivedValue === undefined ? {} : { receivedValue }),
  };
}

function detailOf(value: Json | undefined): string {
  if (typeof value !== "string") return "";
  const words = withoutHiddenWords(value);
  return words.length > DETAIL_CHARS ? `${words.slice(0, DETAIL_CHARS)}…` : words;
}

/** Complaints shown. A graph of a thousand nodes may have as many: megabytes on a terminal and in each failed job's row. */
const SHOWN_MAX = 5;
/** Longest complaint shown, characters. */
const COMPLAINT_CHARS = 500;

/** Returns ComfyUI's own words, with the nodes and inputs they are about: the first five, and how many more there are. */
export function describeRefusal({ message, nodeErrors }: { readonly message: string; readonly nodeErrors: readonly NodeError[] }): string {
  const complaints = nodeErrors.flatMap(({ nodeId, classType, errors }) => errors.map((error) => ({ nodeId, classType, error })));
  if (complaints.length === 0) return message;
  const shown = complaints.slice(0, SHOWN_MAX).map(({ nodeId, classType, error }) => {
    const words = `node ${nodeId} (${classType}): ${error.message}${error.details === "" ? "" : `: ${error.details}`}`;
    return words.length > COMPLAINT_CHARS ? `${words.slice(0, COMPLAINT_CHARS)}…` : words;
  });
  const left = complaints.length - shown.length;
  return left === 0 ? shown.join("; ") : `${shown.join("; ")}; and ${counted(left, "more complaint")}`;
}
