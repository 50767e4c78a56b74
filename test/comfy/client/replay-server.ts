import { readFileSync, readdirSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { isJsonObject, parseExact, stringifyExact, type Json, type JsonObject } from "../../../src/lib/exact-json.ts";
import { startHttpServer } from "../../helpers/stand-ins/http-server.ts";

const RECORDINGS = join(import.meta.dirname, "../../fixtures/comfyui-0.3.64");

/** Of bodies that were changed by hand, or are framed anew. */
const FRAMING = ["content-length", "transfer-encoding", "connection"];

export interface Recording {
  readonly request: { readonly method: string; readonly path: string; readonly body: Json };
  readonly response: { readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly body: Json };
}

export interface Received {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
}

export interface TestServer extends AsyncDisposable {
  readonly url: string;
  readonly received: readonly Received[];
  readonly sockets: ReadonlySet<Socket>;
}

export function recordingNames(): string[] {
  return readdirSync(join(RECORDINGS, "http")).map((file) => file.replace(/\.json$/, ""));
}

export function readRecording(name: string): Recording {
  const { request, response } = objectOf(parseExact(readFileSync(join(RECORDINGS, "http", `${name}.json`), "utf8")));
  const [asked, answered] = [objectOf(request), objectOf(response)];
  return {
    request: { method: textOf(asked["method"]), path: textOf(asked["path"]), body: asked["body"] ?? null },
    response: {
      status: Number(answered["status"]),
      headers: objectOf(answered["headers"]) as Record<string, string>,
      body: answered["body"] ?? "",
    },
  };
}

/** A real HTTP server that answers everything with `answer`. */
export async function serve(answer: (request: Received, response: ServerResponse) => void): Promise<TestServer> {
  const received: Received[] = [];
  const server = await startHttpServer(async (asked, answered) => {
    const { method = "", url = "", headers } = asked;
    const request = { method, path: url, headers, body: await buffer(asked) };
    received.push(request);
    answer(request, answered);
  });
  return { url: server.url, received, sockets: server.sockets, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

/** Answers everything with one recorded answer. */
export function replay(name: string): Promise<TestServer> {
  const { status, headers, body } = readRecording(name).response;
  const kept = Object.entries(headers).filter(([key]) => !FRAMING.includes(key.toLowerCase()));
  const bytes = bytesOf(body);
  return serve((_request, response) => {
    response.writeHead(status, { ...Object.fromEntries(kept), "Content-Length": bytes.length });
    response.end(bytes);
  });
}

/** Answers with a status and JSON or text. */
export function serveText(status: number, text: string, headers: Readonly<Record<string, string>> = {}): Promise<TestServer> {
  return serve((_request, response) => {
    response.writeHead(status, { "content-type": "application/json", ...headers });
    response.end(text);
  });
}

/** A body as it went over the wire. Of most images only the length was kept. */
export function bytesOf(body: Json): Buffer {
  if (typeof body === "string") return Buffer.from(body);
  const binary = isJsonObject(body) ? body["$binary"] : undefined;
  if (!isJsonObject(binary)) return Buffer.from(stringifyExact(body));
  const { base64, length } = binary;
  return typeof base64 === "string" ? Buffer.from(base64, "base64") : Buffer.alloc(Number(length));
}

export function objectOf(value: Json | undefined): JsonObject {
  if (isJsonObject(value)) return value;
  throw new TypeError("a recording is not as expected");
}

/** Recorded texts, and numbers as a form sends them. */
export function textOf(value: Json | undefined): string {
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  throw new TypeError("a recording is not as expected");
}
