import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { join } from "node:path";
import { dumpsPython, isPyDict, isPyList, loadsPython, type PyDict, type PyValue } from "../../src/emulator/python-json.ts";

/** The recordings of a real ComfyUI 0.3.64. */
export const RECORDINGS = join(import.meta.dirname, "../fixtures/comfyui-0.3.64");
/** Those of a real 0.33.0, as far as it answers otherwise. */
export const NEWER_RECORDINGS = join(import.meta.dirname, "../fixtures/comfyui-0.33.0");

/** A server that is asked: an emulator, or a real one. */
export interface Asked {
  readonly url: string;
  /** It takes UUIDs alone: every prompt_id that is sent to it is made one, the same one each time. */
  readonly wantsUuids?: boolean;
}

export interface Exchange {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: PyValue;
  readonly response: { readonly status: number; readonly reason: string; readonly headers: PyDict; readonly body: PyValue };
}

export interface Answer {
  readonly status: number;
  readonly reason: string;
  /** Names as they were sent, without those that every Node server adds. */
  readonly headers: PyDict;
  readonly bytes: Buffer;
}

/** Headers that say nothing of ComfyUI. */
const SERVER_OWN = ["date", "connection", "keep-alive"];

export function recordingNames(folder: "http" | "ws" | "object_info", recordings = RECORDINGS): string[] {
  return readdirSync(join(recordings, folder)).toSorted();
}

export function readPython(path: string, recordings = RECORDINGS): PyDict {
  const value = loadsPython(readFileSync(join(recordings, path), "utf8"));
  if (!isPyDict(value)) throw new TypeError(`${path} holds no object`);
  return value;
}

export function readWorkflow(name: string): PyDict {
  return readPython(`workflow_${name}.json`);
}

export function readExchange(name: string, recordings = RECORDINGS): Exchange {
  const recording = readPython(`http/${name}`, recordings);
  const request = dictAt(recording, "request");
  const response = dictAt(recording, "response");
  return {
    method: textAt(request, "method"),
    path: textAt(request, "path"),
    headers: Object.fromEntries([...dictAt(request, "headers")].map(([key, value]) => [key, stringOf(value)])),
    body: request.get("body") ?? null,
    response: {
      status: Number(response.get("status")),
      reason: textAt(response, "reason"),
      headers: dictAt(response, "headers"),
      body: response.get("body") ?? "",
    },
  };
}

export interface Sent {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

/** Any prompt_id as a UUID; one that is a UUID stays as it is. */
export function uuidOf(promptId: string): string {
  if (/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(promptId)) return promptId;
  const digits = createHash("sha256").update(promptId).digest("hex");
  return [digits.slice(0, 8), digits.slice(8, 12), `4${digits.slice(13, 16)}`, `8${digits.slice(17, 20)}`, digits.slice(20, 32)].join("-");
}

/** The request with a UUID for each prompt_id: after `"prompt_id":`, under `delete`, at the end of a path to one prompt. */
export function withUuids(sent: Sent): Sent {
  const { body } = sent;
  const path = sent.path.replace(/(?<=\/history\/)[^/?]+$/, (id) => uuidOf(decodeURIComponent(id)));
  if (typeof body !== "string") return { ...sent, path };
  const own = body.replace(/(?<="prompt_id": ?)"([^"]+)"/g, (_, id: string) => JSON.stringify(uuidOf(id)));
  const listed = own.replace(/(?<="delete": ?)\[[^\]]*\]/g, (list) =>
    list.replace(/"([^"]+)"/g, (_, id: string) => JSON.stringify(uuidOf(id))),
  );
  return { ...sent, path, body: listed };
}

/** An entry of the history, or the word that stands for one in recordings that were shortened. */
function isEntry(value: PyValue): boolean {
  return isPyDict(value) ? value.has("prompt") : typeof value === "string" && value.startsWith("<entry of");
}

/** A recorded answer with a UUID for each prompt_id, wherever it stands. */
export function answerWithUuids(body: PyValue): PyValue {
  const text = dumpsPython(body);
  const ids = [
    ...[...text.matchAll(/"prompt_id": "([^"]+)"/g)].map(([, id = ""]) => id),
    ...(isPyDict(body) ? [...body].flatMap(([key, value]) => (isEntry(value) ? [key] : [])) : []),
    ...["queue_running", "queue_pending"].flatMap((key) => {
      const items = isPyDict(body) ? body.get(key) : undefined;
      return isPyList(items) ? items.flatMap((item) => (isPyList(item) ? [stringOf(item[1] ?? "")] : [])) : [];
    }),
  ];
  return loadsPython(ids.reduce((changed, id) => changed.replaceAll(JSON.stringify(id), JSON.stringify(uuidOf(id))), text));
}

/** Sends a request as it is, without what fetch would add or refuse. */
export function send(server: Asked, asked: Sent): Promise<Answer> {
  const sent = server.wantsUuids === true ? withUuids(asked) : asked;
  return new Promise((resolve, reject) => {
    const { method = "GET", path, headers = {}, body } = sent;
    const outgoing = httpRequest(
      new URL(path, server.url),
      { method, agent: false, headers: body === undefined ? headers : { ...headers, "Content-Length": Buffer.byteLength(body) } },
      (response) => {
        const parts: Buffer[] = [];
        response.on("error", reject);
        response.on("data", (part: Buffer) => parts.push(part));
        response.on("end", () => {
          const pairs = response.rawHeaders.flatMap((name, index, all): [string, string][] =>
            index % 2 === 0 ? [[name, all[index + 1] ?? ""]] : [],
          );
          const kept = pairs.filter(([name]) => !SERVER_OWN.includes(name.toLowerCase()));
          resolve({
            status: response.statusCode ?? 0,
            reason: response.statusMessage ?? "",
            headers: new Map(kept),
            bytes: Buffer.concat(parts),
          });
        });
      },
    );
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}

export function jsonOf({ bytes }: Answer): PyDict {
  const value = loadsPython(bytes.toString("utf8"));
  if (!isPyDict(value)) throw new TypeError(`no object: ${bytes.toString("utf8")}`);
  return value;
}

/** Submits a prompt and returns the answer. */
export function submit(server: Asked, fields: Readonly<Record<string, PyValue>>): Promise<Answer> {
  const body = dumpsPython(new Map(Object.entries(fields)));
  return send(server, { method: "POST", path: "/prompt", headers: { "Content-Type": "application/json" }, body });
}

const HISTORY_TIMEOUT_MS = 15_000;

/** The history entry of a prompt, once it is there. */
export async function historyOf(server: Asked, promptId: string): Promise<PyDict> {
  // By time, not by tries: how many fit into a run depends on the machine.
  for (const deadlineMs = Date.now() + HISTORY_TIMEOUT_MS; Date.now() < deadlineMs;) {
    const entry = jsonOf(await send(server, { path: `/history/${promptId}` })).get(
      server.wantsUuids === true ? uuidOf(promptId) : promptId,
    );
    if (isPyDict(entry)) return entry;
  }
  throw new Error(`${promptId} never came to the history`);
}

/** Submits and waits until it has run. */
export async function run(server: Asked, fields: Readonly<Record<string, PyValue>> & { readonly prompt_id: string }): Promise<PyDict> {
  const answer = await submit(server, fields);
  if (answer.status !== 200) throw new Error(`refused: ${answer.bytes.toString("utf8")}`);
  return historyOf(server, fields.prompt_id);
}

export function dictAt(parent: PyDict, ...path: readonly string[]): PyDict {
  let value: PyValue | undefined = parent;
  for (const key of path) value = isPyDict(value) ? value.get(key) : undefined;
  if (!isPyDict(value)) throw new TypeError(`no object at ${path.join(".")}`);
  return value;
}

export function textAt(parent: PyDict, key: string): string {
  const value = parent.get(key);
  return typeof value === "string" ? value : "";
}

export function stringOf(value: PyValue): string {
  return typeof value === "string" ? value : dumpsPython(value);
}

/** A graph of the recorded tiny kind with other inputs: `{ "2.seed": 5n }`. */
export function withInputs(graph: PyDict, changes: Readonly<Record<string, PyValue>>): PyDict {
  const copy = loadsPython(dumpsPython(graph));
  if (!isPyDict(copy)) throw new TypeError("no graph");
  for (const [place, value] of Object.entries(changes)) {
    const [nodeId = "", input = ""] = place.split(".");
    dictAt(copy, nodeId, "inputs").set(input, value);
  }
  return copy;
}

/**
 * Where an answer differs from a recording. Exact, but for what two runs of the real server do not share either: numbers of
 * the queue's counter, times, tracebacks, sizes of this machine, the order of Python's sets.
 */
export function differences(recorded: PyValue, actual: PyValue, path = ""): string[] {
  const key = path.slice(path.lastIndexOf(".") + 1);
  if (isLoose(key)) return kindOf(recorded) === kindOf(actual) ? [] : [`${path}: a ${kindOf(recorded)} became a ${kindOf(actual)}`];
  if (isPyDict(recorded) && isPyDict(actual)) return dictDifferences(recorded, actual, path);
  if (isPyList(recorded) && isPyList(actual)) {
    const [before, after] = UNORDERED.has(key) ? [sorted(recorded), sorted(actual)] : [recorded, actual];
    if (before.length !== after.length) return [`${path}: ${String(before.length)} items became ${String(after.length)}`];
    return before.flatMap((item, index) => differences(item, after[index] ?? null, `${path}[${String(index)}]`));
  }
  const [before, after] = [dumpsPython(recorded), dumpsPython(actual)].map((text) => text.replace(/_temp_[a-z]{5}/, "_temp_xxxxx"));
  return before === after ? [] : [`${path}: ${before ?? ""} became ${after ?? ""}`];
}

/** Their kind must agree, not their value. */
const LOOSE = new Set([
  "timestamp",
  "create_time",
  "number",
  "traceback",
  "prompt[0]",
  "exception_message",
  "argv",
  "python_version",
  "pytorch_version",
  "sid",
]);

/** Lists that ComfyUI makes of sets. */
const UNORDERED = new Set(["executed", "current_outputs", "prompt[4]"]);

function isLoose(key: string): boolean {
  return LOOSE.has(key) || /^(ram|vram|torch_vram)_/.test(key) || /^images\[0\]$/.test(key);
}

function dictDifferences(recorded: PyDict, actual: PyDict, path: string): string[] {
  const missing = [...recorded.keys()].filter((key) => !actual.has(key)).map((key) => `${path}.${key}: missing`);
  const added = [...actual.keys()].filter((key) => !recorded.has(key)).map((key) => `${path}.${key}: added`);
  const shared = [...recorded].filter(([key]) => actual.has(key));
  return [...missing, ...added, ...shared.flatMap(([key, value]) => differences(value, actual.get(key) ?? null, `${path}.${key}`))];
}

function sorted(list: readonly PyValue[]): PyValue[] {
  return list.toSorted((a, b) => (dumpsPython(a) < dumpsPython(b) ? -1 : 1));
}

function kindOf(value: PyValue): string {
  if (isPyDict(value)) return "dict";
  if (isPyList(value)) return "list";
  return value === null ? "null" : typeof value;
}
