import type { FaultPlan } from "../faults.ts";
import {
  answerCrash,
  answerEmpty,
  answerJson,
  answerNoRoute,
  answerText,
  BodyTooLarge,
  readBody,
  type HttpExchange,
  answeredBusy,
} from "./http-exchange.ts";
import type { EmulatorDisk } from "../files/disk.ts";
import type { Executor } from "../execution/executor.ts";
import type { NodeClasses } from "../nodes/node-classes.ts";
import type { PromptQueue } from "../execution/prompt-queue.ts";
import { dict, dumpsPython, isPyDict, isPyList, loadsPython, type PyDict, type PyValue } from "../python-json.ts";
import { pyBool, pyInt, pyStr } from "../python-values.ts";
import type { Release } from "../nodes/releases.ts";
import { uploadImage, uploadMask } from "./upload-routes.ts";
import { view, type ViewRouteDeps } from "./view-route.ts";
import type { IncomingHttpHeaders } from "node:http";

export interface RouteDeps extends ViewRouteDeps {
  readonly queue: PromptQueue;
  readonly executor: Pick<Executor, "interrupt" | "freeMemory">;
  readonly classes: NodeClasses;
  readonly disk: EmulatorDisk;
  readonly faults: { current(): FaultPlan };
  /** POST /prompt. */
  submit(exchange: HttpExchange): Promise<void>;
  /** Folder under /models → its files. */
  readonly models: ReadonlyMap<string, readonly string[]>;
  readonly systemStats: (state: { readonly isFull: boolean }) => PyDict;
  readonly jobsApi: boolean;
  readonly release: Release;
}

type Handler = (exchange: HttpExchange, deps: RouteDeps) => void | Promise<void>;

/** "METHOD /path" → handler; `*`, the last segment or that before `/cancel`, stands for anything without a slash. */
const ROUTES: Readonly<Record<string, Handler>> = {
  "GET /prompt": (exchange, { queue }) => answerJson(exchange, dumpsPython(queueInfo(queue))),
  "POST /prompt": (exchange, deps) => deps.submit(exchange),
  "GET /queue": (exchange, { queue }) => answerJson(exchange, queue.queueText()),
  "POST /queue": async (exchange, { queue }) => {
    const request = await jsonBody(exchange);
    if (pyBool(request.get("clear") ?? null)) queue.clear();
    for (const promptId of idsIn(request)) queue.remove(promptId);
    answerEmpty(exchange);
  },
  "GET /history": (exchange, { queue }) => {
    const maxItems = integer(exchange.query.get("max_items"));
    answerJson(exchange, queue.historyText({ maxItems, offset: integer(exchange.query.get("offset")) }));
  },
  "GET /history/*": (exchange, { queue }) => answerJson(exchange, queue.historyTextOf(lastSegment(exchange))),
  "POST /history": async (exchange, { queue }) => {
    const request = await jsonBody(exchange);
    if (pyBool(request.get("clear") ?? null)) queue.clearHistory();
    for (const promptId of idsIn(request)) queue.removeHistory(promptId);
    answerEmpty(exchange);
  },
  "POST /interrupt": interrupt,
  "POST /free": async (exchange, { executor }) => {
    const request = await jsonBody(exchange);
    if (pyBool(request.get("free_memory") ?? null)) executor.freeMemory();
    answerEmpty(exchange);
  },
  "GET /view": view,
  "POST /upload/image": (exchange, { disk }) => uploadImage(exchange, disk),
  "POST /upload/mask": (exchange, { disk }) => uploadMask(exchange, disk),
  "GET /object_info": (exchange, { classes }) => {
    const all: PyDict = new Map(classes.names().flatMap((name) => entryOf(classes, name)));
    answerJson(exchange, dumpsPython(all));
  },
  "GET /object_info/*": (exchange, { classes }) => answerJson(exchange, dumpsPython(new Map(entryOf(classes, lastSegment(exchange))))),
  "GET /models": (exchange, { models }) => answerJson(exchange, dumpsPython([...models.keys()])),
  "GET /models/*": (exchange, { models }) => {
    const files = models.get(lastSegment(exchange));
    if (files === undefined) answerEmpty(exchange, 404);
    else answerJson(exchange, dumpsPython(files));
  },
  "GET /jobs": (exchange, { jobsApi, queue }) => (jobsApi ? listJobs(exchange, queue) : answerNoRoute(exchange)),
  "GET /jobs/*": (exchange, { jobsApi, queue }) => (jobsApi ? oneJob(exchange, lastSegment(exchange), queue) : answerNoRoute(exchange)),
  "POST /jobs/*/cancel": (exchange, deps) =>
    deps.jobsApi ? cancelJob(exchange, exchange.path.split("/")[2] ?? "", deps) : answerUnknown(exchange),
  "GET /node_replacements": (exchange, { release }) =>
    release.replacements === undefined ? answerNoRoute(exchange) : answerJson(exchange, dumpsPython(release.replacements)),
  "GET /embeddings": (exchange) => answerJson(exchange, "[]"),
  "GET /features": (exchange, { release }) => answerJson(exchange, dumpsPython(release.features)),
  "GET /system_stats": (exchange, { systemStats, faults }) =>
    answerJson(exchange, dumpsPython(systemStats({ isFull: faults.current().strikes("low-memory", exchange.path) }))),
  "GET /ws": (exchange) => answerText(exchange, 400, 'No WebSocket UPGRADE hdr: None\n Can "Upgrade" only to "WebSocket".'),
  "GET /v2/userdata": (exchange) => answerText(exchange, 404, "Requested path not found"),
};

/** Answers one request; every route also under /api. */
export async function answer(exchange: HttpExchange, deps: RouteDeps): Promise<void> {
  if (originIsForeign(exchange.request.headers)) return answerEmpty(exchange, 403);
  const handler = handlerOf(exchange);
  if (handler === undefined) return answerUnknown(exchange);
  try {
    if (exchange.path !== "/prompt" || exchange.request.method !== "POST") {
      const subject = `${exchange.request.method ?? ""} ${exchange.request.url ?? ""}`;
      if (answeredBusy(exchange, { faults: deps.faults.current(), subject })) return;
    }
    await handler(exchange, deps);
  } catch (error) {
    if (exchange.response.headersSent || exchange.response.destroyed) return void exchange.response.destroy();
    if (error instanceof BodyTooLarge) return answerText(exchange, 413, "413: Request Entity Too Large");
    // As aiohttp answers whatever a handler raises: broken JSON, a list where an object belongs.
    answerCrash(exchange);
  }
}

/** The body of GET /prompt and of `status`. */
export function queueInfo(queue: Pick<PromptQueue, "remaining">): PyDict {
  return dict({ exec_info: dict({ queue_remaining: BigInt(queue.remaining()) }) });
}

function handlerOf({ request, path }: HttpExchange): Handler | undefined {
  // aiohttp answers HEAD wherever it answers GET.
  const method = request.method === "HEAD" ? "GET" : (request.method ?? "");
  if (Object.hasOwn(ROUTES, `${method} ${path}`)) return ROUTES[`${method} ${path}`];
  if (/^\/jobs\/[^/]+\/cancel$/.test(path)) return ROUTES[`${method} /jobs/*/cancel`];
  const parent = `${method} ${path.slice(0, path.lastIndexOf("/"))}/*`;
  return path.endsWith("/") || !Object.hasOwn(ROUTES, parent) ? undefined : ROUTES[parent];
}

function answerUnknown(exchange: HttpExchange): void {
  const { method } = exchange.request;
  if (method === "OPTIONS") return answerEmpty(exchange);
  if (method === "GET" || method === "HEAD") return answerNoRoute(exchange);
  // The web interface's files answer GET under any path.
  const allowed = Object.hasOwn(ROUTES, `POST ${exchange.path}`) ? "GET,HEAD,POST" : "GET,HEAD";
  answerText(exchange, 405, "405: Method Not Allowed", { Allow: allowed });
}

async function interrupt(exchange: HttpExchange, { queue, executor }: RouteDeps): Promise<void> {
  const body = await readBody(exchange);
  let request: PyValue = new Map();
  try {
    request = loadsPython(body.toString("utf8"));
  } catch {
    // No body, or no JSON: whatever runs is meant.
  }
  if (!isPyDict(request)) throw new TypeError("the body is no object");
  const promptId = request.get("prompt_id") ?? null;
  if (!pyBool(promptId) || queue.isRunning(pyStr(promptId))) executor.interrupt();
  answerEmpty(exchange);
}

async function jsonBody(exchange: HttpExchange): Promise<PyDict> {
  const value = loadsPython((await readBody(exchange)).toString("utf8"));
  // `"clear" in []` is false in Python, and nothing happens.
  if (isPyList(value) && exchange.path !== "/free") return new Map();
  if (!isPyDict(value)) throw new TypeError("the body is no object");
  return value;
}

/** The ids under `delete`, as Python's `for` sees them; whatever is no string cannot be an id. @throws {TypeError} */
function idsIn(request: PyDict): string[] {
  const ids = request.get("delete");
  if (ids === undefined) return [];
  if (typeof ids === "string") return Array.from(ids);
  if (isPyDict(ids)) return [...ids.keys()];
  if (isPyList(ids)) return ids.filter((id) => typeof id === "string");
  throw new TypeError("delete is not iterable");
}

function integer(text: string | null): number | undefined {
  return text === null ? undefined : Number(pyInt(text));
}

function entryOf(classes: NodeClasses, name: string): [string, PyDict][] {
  const nodeClass = classes.get(name);
  return nodeClass === undefined ? [] : [[name, nodeClass.info]];
}

function lastSegment({ path }: HttpExchange): string {
  const segment = path.slice(path.lastIndexOf("/") + 1);
  try {
    return decodeURIComponent(segment);
  } catch {
    // aiohttp leaves a wrong escape as it is.
    return segment;
  }
}

/**
 * Returns true if a web page of another origin sent this request to a server on loopback. ComfyUI answers 403 then.
 * If one of the two sides has no port, only the host names are compared.
 */
function originIsForeign({ host, origin }: IncomingHttpHeaders): boolean {
  if (host === undefined || origin === undefined) return false;
  const hostUrl = URL.parse(`http://${host}`);
  const originUrl = URL.parse(origin);
  if (hostUrl === null || originUrl === null || !isLoopback(hostUrl.hostname)) return false;
  const originHasPort = /:\d+$/.test(origin);
  const hostHasPort = /:\d+$/.test(host);
  const ownName = originHasPort ? host.toLowerCase() : hostUrl.hostname;
  const otherName = hostHasPort ? authorityOf(origin) : originUrl.hostname;
  return otherName !== "" && ownName !== otherName;
}

/** Returns what stands between `//` and the path, in lower case, with the port as it was written. */
function authorityOf(origin: string): string {
  return (/^[a-z][a-z0-9+.-]*:\/\/([^/]*)/i.exec(origin)?.[1] ?? "").toLowerCase();
}

function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127(\.\d+){3}$/.test(hostname);
}

/** GET /api/jobs of newer servers, as far as a client that polls needs it. Source: ComfyUI comfy_execution/jobs.py */
function listJobs(exchange: HttpExchange, queue: Pick<PromptQueue, "statuses">): void {
  const jobs = [...queue.statuses()].map(([id, status]) => dict({ id, status }));
  const total = BigInt(jobs.length);
  answerJson(exchange, dumpsPython(dict({ jobs, pagination: dict({ offset: 0n, limit: null, total, has_more: false }) })));
}

/** GET /api/jobs/ID */
function oneJob(exchange: HttpExchange, id: string, queue: Pick<PromptQueue, "statuses">): void {
  const status = queue.statuses().get(id);
  const job: PyDict = status === undefined ? dict({ error: "Job not found" }) : dict({ id, status });
  answerJson(exchange, dumpsPython(job), status === undefined ? 404 : 200);
}

interface CancelDeps {
  readonly queue: Pick<PromptQueue, "remove" | "isRunning">;
  readonly executor: Pick<Executor, "interrupt">;
}

/** POST /api/jobs/ID/cancel: a waiting prompt leaves the queue, a running one is interrupted; any other id is no error. */
function cancelJob(exchange: HttpExchange, id: string, { queue, executor }: CancelDeps): void {
  const isRunning = queue.isRunning(id);
  if (isRunning) executor.interrupt();
  const cancelled = isRunning || queue.remove(id);
  answerJson(exchange, dumpsPython(dict({ cancelled })));
}
