import type { Readable } from "node:stream";
import { isJsonArray, isJsonObject, stringifyExact, type Json, type JsonObject } from "../../lib/exact-json.ts";
import { canceller } from "./cancel.ts";
import { comfyEvents, type ComfyEvents, type ComfyEventsOptions } from "../connection/events.ts";
import { parseHistoryAnswer, type HistoryEntry, type OutputImage } from "./history-entry.ts";
import { streamHistory } from "./history-stream.ts";
import { describeCall, type Call } from "../connection/connection.ts";
import { networkFailure } from "../connection/http-failure.ts";
import { openHttp, type Http } from "../connection/http.ts";
import { networkCode } from "../../lib/http/failure.ts";
import { NO_REPLACEMENTS, parseNodeReplacements, type NodeReplacements } from "../nodes/node-replacements.ts";
import { readText } from "../../lib/http/read-answer.ts";
import { openHeldGets, type HeldGets, type HeldReading } from "../connection/held-gets.ts";
import { parseQueue, parseQueueRemaining, type Queue } from "./queue.ts";
import { submit, type Submission, type SubmitAnswer } from "./submit.ts";
import { type SystemStats, readSystemStats } from "./system-stats.ts";
import { uploadImage, type Upload, type Uploaded } from "./upload-image.ts";

/** Read of what comes with a 404: ComfyUI's is empty, a proxy's a page. */
const MISSING_MAX_BYTES = 64 * 1024;

export interface ComfyClientOptions {
  /** The address, with a path prefix if there is one. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly caFile?: string | null;
  /** Sockets. @default 32 */
  readonly connections?: number;
  /** Longest wait for the headers of an answer, and between two pieces of its body, ms. @default 30 000 */
  readonly timeoutMs?: number;
}

export type ViewAnswer =
  | {
      readonly kind: "found";
      readonly body: Readable;
      readonly sizeBytes: number | null;
      readonly contentType: string | null;
      readonly etag: string | null;
    }
  | { readonly kind: "missing" };

/**
 * One ComfyUI server, every endpoint. All calls throw TransientError (try again) or the abort reason; those that are about the server,
 * not about one prompt or image, throw FatalError where credentials are missing.
 * @see https://github.com/comfyanonymous/ComfyUI/blob/a125cd84b054/server.py
 */
export interface ComfyClient {
  /** URL of the server, without a trailing slash. */
  readonly url: string;
  submit(submission: Submission, signal: AbortSignal): Promise<SubmitAnswer>;
  /** Null if the server knows no finished run of that id: unknown, waiting, running, evicted and lost look the same. */
  history(promptId: string, signal: AbortSignal): Promise<HistoryEntry | null>;
  /** The whole history, oldest first, streamed: up to 10,001 entries, many MB. */
  historyAll(signal: AbortSignal): AsyncIterable<HistoryEntry>;
  deleteHistory(promptIds: readonly string[], signal: AbortSignal): Promise<void>;
  clearHistory(signal: AbortSignal): Promise<void>;
  queue(signal: AbortSignal): Promise<Queue>;
  /** The running one included: the cheap poll. */
  queueRemaining(signal: AbortSignal): Promise<number>;
  deleteFromQueue(promptIds: readonly string[], signal: AbortSignal): Promise<void>;
  clearQueue(signal: AbortSignal): Promise<void>;
  /** Null: whatever runs. Takes effect between nodes and at sampler steps. */
  interrupt(promptId: string | null, signal: AbortSignal): Promise<void>;
  /**
   * Takes one prompt back, whether it waits or runs. Unlike `interrupt`, it cannot end another that starts meanwhile where the server knows
   * how.
   */
  cancel(promptId: string, signal: AbortSignal): Promise<void>;
  /** Takes effect between prompts. `freeMemory` drops the node cache, too. */
  free(what: { readonly unloadModels: boolean; readonly freeMemory: boolean }, signal: AbortSignal): Promise<void>;
  systemStats(signal: AbortSignal): Promise<SystemStats>;
  /** Definitions keyed by class; {} for an unknown class. Null asks for all classes. */
  objectInfo(classType: string | null, signal: AbortSignal): Promise<JsonObject>;
  /** The largest upload that the server takes, bytes; null where it does not say, as older ones. */
  maxUploadBytes(signal: AbortSignal): Promise<number | null>;
  /** Reads the replacements for classes that the server no longer has. Older servers have no such list. */
  nodeReplacements(signal: AbortSignal): Promise<NodeReplacements>;
  /** Names of models in a folder, or of the folders. Null where there is no such folder. */
  models(folder: string | null, signal: AbortSignal): Promise<readonly string[] | null>;
  /** An image's bytes. The caller reads the body to its end or destroys it: an unread body keeps its socket. */
  view(image: Viewed, signal: AbortSignal): Promise<ViewAnswer>;
  /**
   * Reads an image of up to `maxBytes` straight into memory. Returns false if nothing was read, and `view` is to be asked.
   * @throws TransientError if no answer came, the sink's error, or an error with a `code` if the answer broke off.
   */
  viewHeld(image: Viewed, reading: HeldReading): Promise<boolean>;
  /** Also throws RejectError where the server does not take this file: too large for it, or it cannot write it. */
  uploadImage(upload: Upload, signal: AbortSignal): Promise<Uploaded>;
  /** Opens the WebSocket: a hint only, connected again whenever it breaks. */
  events(options: Omit<ComfyEventsOptions, "url" | "headers" | "caFile">): ComfyEvents;
  close(): Promise<void>;
}

/** Opens nothing before the first call. @throws {ConfigError} for a URL that is none. */
export function comfyClient({ url, headers, caFile = null, connections = 32, timeoutMs = 30_000 }: ComfyClientOptions): ComfyClient {
  const http = openHttp({ url, headers, caFile, connections, timeoutMs });
  const held = openHeldGets(http);
  const post = (path: string, body: Json, signal: AbortSignal): Promise<void> =>
    http.done({ method: "POST", path, isAboutOne: true, json: stringifyExact(body), signal });
  const get = <T>(path: string, signal: AbortSignal, parse: (answer: Json) => T | undefined): Promise<T> =>
    http.json({ method: "GET", path, signal }, parse);
  const history = (promptId: string, signal: AbortSignal): Promise<HistoryEntry | null> => {
    const call: Call = { method: "GET", path: `/history/${encodeURIComponent(promptId)}`, signal, isAboutOne: true };
    return http.json(call, (answer) => parseHistoryAnswer(promptId, answer));
  };

  const cancelling = canceller(http);

  return {
    url: http.url,
    submit: (submission, signal) => submit(http, submission, signal),
    history,
    historyAll: (signal) => streamHistory(http, signal),
    deleteHistory: (promptIds, signal) => post("/history", { delete: promptIds }, signal),
    clearHistory: (signal) => post("/history", { clear: true }, signal),
    queue: (signal) => get("/queue", signal, parseQueue),
    queueRemaining: (signal) => get("/prompt", signal, parseQueueRemaining),
    deleteFromQueue: (promptIds, signal) => post("/queue", { delete: promptIds }, signal),
    clearQueue: (signal) => post("/queue", { clear: true }, signal),
    interrupt: (promptId, signal) => post("/interrupt", promptId === null ? {} : { prompt_id: promptId }, signal),
    cancel: (promptId, signal) => cancelling.cancel(promptId, signal),
    free: ({ unloadModels, freeMemory }, signal) => post("/free", { unload_models: unloadModels, free_memory: freeMemory }, signal),
    systemStats: (signal) => {
      cancelling.forget(); // Asked at first contact and after a restart: it may be another version now.
      return readSystemStats(http, signal);
    },
    objectInfo: (classType, signal) =>
      http.json(
        {
          method: "GET",
          path: classType === null ? "/object_info" : `/object_info/${encodeURIComponent(classType)}`,
          signal,
          isAboutOne: true, // Servers run jobs without ever being asked for it.
        },
        (answer) => (isJsonObject(answer) ? answer : undefined),
      ),
    maxUploadBytes: async (signal) => {
      const features = await http.jsonIfAny({ method: "GET", path: "/features", signal }, (answer) =>
        isJsonObject(answer) ? answer : undefined,
      );
      const max = features?.["max_upload_size"];
      return typeof max === "number" || typeof max === "bigint" ? Number(max) : null;
    },
    nodeReplacements: async (signal) =>
      (await http.jsonIfAny({ method: "GET", path: "/node_replacements", signal }, parseNodeReplacements)) ?? NO_REPLACEMENTS,
    models: (folder, signal) =>
      http.jsonIfAny({ method: "GET", path: folder === null ? "/models" : `/models/${encodeURIComponent(folder)}`, signal }, (answer) =>
        isJsonArray(answer) ? answer.filter((name) => typeof name === "string") : undefined,
      ),
    view: (image, signal) => view(http, image, signal),
    viewHeld: (image, reading) => viewHeld(held, { url: http.url, image, reading }),
    uploadImage: (upload, signal) => uploadImage(http, upload, signal),
    events: (options) => comfyEvents({ ...options, url: http.url, headers, caFile }),
    close: () => http.close(),
  };
}

type Viewed = Pick<OutputImage, "filename" | "subfolder" | "type">;

/** No `preview` or `channel`: they re-encode, and the text chunks are gone. */
function viewPath({ filename, subfolder, type }: Viewed): string {
  return `/view?${new URLSearchParams({ filename, subfolder, type }).toString()}`;
}

interface HeldView {
  readonly url: string;
  readonly image: Viewed;
  readonly reading: HeldReading;
}

async function viewHeld(held: HeldGets, { url, image, reading }: HeldView): Promise<boolean> {
  const path = viewPath(image);
  try {
    return await held.get(path, reading);
  } catch (error) {
    // Whoever did not answer at all did not answer wrongly.
    if (["UND_ERR_CONNECT_TIMEOUT", "UND_ERR_HEADERS_TIMEOUT"].includes(networkCode(error))) {
      throw networkFailure(describeCall(url, { method: "GET", path }), error);
    }
    throw error;
  }
}

async function view(http: Http, image: Viewed, signal: AbortSignal): Promise<ViewAnswer> {
  const { statusCode, headers, body } = await http.send({ method: "GET", path: viewPath(image), signal, isAboutOne: true }, [404]);
  if (statusCode === 404) {
    // The body is read so that the connection can be used again. The status alone is the answer.
    await readText(body, { maxBytes: MISSING_MAX_BYTES, patienceMs: 60_000 }).catch(() => undefined);
    return { kind: "missing" };
  }
  const { "content-length": length, "content-type": contentType, etag } = headers;
  return {
    kind: "found",
    body,
    sizeBytes: typeof length === "string" && /^\d+$/.test(length) ? Number(length) : null,
    contentType: typeof contentType === "string" ? contentType : null,
    etag: typeof etag === "string" ? etag : null,
  };
}
