import { isJsonArray, isJsonObject, type Json, type JsonObject } from "../../lib/exact-json.ts";
import { withoutHiddenWords } from "../../lib/terminal/hidden-words.ts";
import { markIn, type JobMark } from "./job-mark.ts";

/** An image that a node saved, as history lists it. Names are a server's words: data, never a path. */
export interface OutputImage {
  readonly nodeId: string;
  /** Position in that node's list. */
  readonly index: number;
  readonly filename: string;
  readonly subfolder: string;
  /** `output`, `temp` or `input`. */
  readonly type: string;
}

/** The failure of a run, without traceback and current_inputs, which may be megabytes and hold secrets. */
export interface ExecutionError {
  readonly nodeId: string;
  readonly classType: string;
  readonly exceptionType: string;
  readonly message: string;
  readonly isOutOfMemory: boolean;
}

/** A finished run. */
export interface HistoryEntry {
  readonly promptId: string;
  /** Our job; null for runs of other people. */
  readonly mark: JobMark | null;
  readonly number: number;
  readonly outputs: readonly OutputImage[];
  /** ComfyUI calls an interrupted run an error; its last message tells which. */
  readonly status: "success" | "error" | "interrupted" | "unknown";
  readonly error: ExecutionError | null;
  readonly cachedNodes: readonly string[];
  /** The graph that ran. */
  readonly prompt: JsonObject;
  readonly startedAtMs: number | null;
  readonly finishedAtMs: number | null;
}

const MESSAGE_CHARS = 2_000;
/** Longest node id, class or exception, characters. */
const NAME_CHARS = 200;
/** torch.OutOfMemoryError, torch.cuda.OutOfMemoryError, and Python's own. */
const OUT_OF_MEMORY_TYPE = /OutOfMemory|^(builtins\.)?MemoryError$/;
/** Other backends raise RuntimeError and say it in words: CUDA, HIP, MPS and XPU "out of memory", the CPU's DefaultCPUAllocator. */
const OUT_OF_MEMORY_WORDS = /out of memory|Allocation on device|not enough memory|can't allocate memory/i;

/** Reads GET /history/ID: null for `{}`, undefined for what ComfyUI would not answer. */
export function parseHistoryAnswer(promptId: string, answer: Json): HistoryEntry | null | undefined {
  if (!isJsonObject(answer)) return undefined;
  const entry = Object.hasOwn(answer, promptId) ? answer[promptId] : undefined;
  if (entry === undefined) return Object.keys(answer).length === 0 ? null : undefined;
  return isJsonObject(entry) ? parseHistoryEntry(promptId, entry) : undefined;
}

/** Reads one value of GET /history. Lenient: fields that are missing or new are passed over. */
export function parseHistoryEntry(promptId: string, entry: JsonObject): HistoryEntry {
  const item = isJsonArray(entry["prompt"]) ? entry["prompt"] : [];
  const messages = messagesOf(objectOf(entry["status"])["messages"]);
  const failure = messages.find(([event]) => event === "execution_error")?.[1];
  const outputs = Object.entries(objectOf(entry["outputs"])).flatMap(([nodeId, output]) => imagesOf(nodeId, output));
  const times = messages.map(([, data]) => data["timestamp"]).filter((time): time is number => Number.isFinite(time));
  return {
    promptId,
    mark: markIn(item[3]),
    number: Number(item[0] ?? 0),
    outputs,
    status: statusOf(objectOf(entry["status"])["status_str"], { lastEvent: messages.at(-1)?.[0], hasOutputs: outputs.length > 0 }),
    error: failure === undefined ? null : errorOf(failure),
    cachedNodes: messages.filter(([event]) => event === "execution_cached").flatMap(([, data]) => stringsOf(data["nodes"])),
    prompt: objectOf(item[2]),
    startedAtMs: times[0] ?? null,
    finishedAtMs: times.at(-1) ?? null,
  };
}

function statusOf(
  status: Json | undefined,
  { lastEvent, hasOutputs }: { readonly lastEvent: string | undefined; readonly hasOutputs: boolean },
): HistoryEntry["status"] {
  if (lastEvent === "execution_interrupted") return "interrupted";
  if (status === "success" || status === "error") return status;
  // `status` may be null: nodes only have outputs once they ran.
  return hasOutputs ? "success" : "unknown";
}

/** An item without a filename names no file, but keeps its place: `index` is part of an image's identity. */
function imagesOf(nodeId: string, output: Json): readonly OutputImage[] {
  const images = objectOf(output)["images"];
  if (!isJsonArray(images)) return [];
  return images.map(objectOf).flatMap(({ filename, subfolder, type }, index) =>
    // Absent ones mean what /view takes them for.
    typeof filename === "string" ? [{ nodeId, index, filename, subfolder: textOf(subfolder), type: textOf(type) || "output" }] : [],
  );
}

function errorOf(data: JsonObject): ExecutionError {
  const exceptionType = nameOf(data["exception_type"]);
  const message = withoutHiddenWords(textOf(data["exception_message"])).trim().slice(0, MESSAGE_CHARS);
  return {
    nodeId: nameOf(data["node_id"]),
    classType: nameOf(data["node_type"]),
    exceptionType,
    message,
    isOutOfMemory: OUT_OF_MEMORY_TYPE.test(exceptionType) || OUT_OF_MEMORY_WORDS.test(message),
  };
}

function messagesOf(value: Json | undefined): readonly (readonly [string, JsonObject])[] {
  if (!isJsonArray(value)) return [];
  return value.filter(isJsonArray).map(([event, data]) => [textOf(event), objectOf(data)] as const);
}

const objectOf = (value: Json | undefined): JsonObject => (isJsonObject(value) ? value : {});
const textOf = (value: Json | undefined): string => (typeof value === "string" ? value : "");
const nameOf = (value: Json | undefined): string => textOf(value).slice(0, NAME_CHARS);
const stringsOf = (value: Json | undefined): readonly string[] =>
  isJsonArray(value) ? value.filter((item) => typeof item === "string") : [];
