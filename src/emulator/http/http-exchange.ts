import type { IncomingMessage, ServerResponse } from "node:http";
import type { FaultPlan } from "../faults.ts";

/** One request and the means to answer it. */
export interface HttpExchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Path without the `/api` prefix, which every route accepts. */
  readonly path: string;
  readonly query: URLSearchParams;
}

/** Largest body, bytes. Source: max_upload_size in GET /features. */
const BODY_MAX_BYTES = 104_857_600;

const SERVER_HEADER = { Server: "Python/3.11 aiohttp/3.14.5" } as const;

/** A body over the limit: aiohttp's answer is 413. */
export class BodyTooLarge extends Error {
  override readonly name = "BodyTooLarge";
}

export async function readBody({ request }: HttpExchange): Promise<Buffer> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request) {
    const bytes = part as Buffer; // no encoding was set
    size += bytes.length;
    if (size > BODY_MAX_BYTES) throw new BodyTooLarge();
    parts.push(bytes);
  }
  return Buffer.concat(parts);
}

export function answerJson({ response }: HttpExchange, text: string, status = 200): void {
  const body = Buffer.from(text, "utf8");
  response.writeHead(status, { "Content-Type": "application/json; charset=utf-8", "Content-Length": body.length, ...SERVER_HEADER });
  response.end(body);
}

/** An answer without a body. */
export function answerEmpty({ response }: HttpExchange, status = 200): void {
  response.writeHead(status, { "Content-Length": 0, ...SERVER_HEADER });
  response.end();
}

export function answerText({ response }: HttpExchange, status: number, text: string, headers: Readonly<Record<string, string>> = {}): void {
  const body = Buffer.from(text, "utf8");
  const type = { "Content-Type": "text/plain; charset=utf-8", "Content-Length": body.length };
  response.writeHead(status, { ...type, ...SERVER_HEADER, ...headers });
  response.end(body);
}

/** Answers as aiohttp does when a handler raises. */
export function answerCrash(exchange: HttpExchange): void {
  answerText(exchange, 500, "500 Internal Server Error\n\nServer got itself in trouble", { Connection: "close" });
}

/** A path that no route has: the folder of the web interface is asked, and says so in its own way. */
export function answerNoRoute({ response }: HttpExchange): void {
  response.writeHead(404, { "Content-Type": "application/octet-stream", ...SERVER_HEADER });
  response.flushHeaders();
  response.end();
}

/** Bytes with headers of their own; `Server` is added. */
export function answerBytes(
  { request, response }: HttpExchange,
  status: number,
  headers: Readonly<Record<string, string>>,
  body: Uint8Array,
): void {
  response.writeHead(status, { ...headers, ...SERVER_HEADER });
  response.end(request.method === "HEAD" ? undefined : body);
}

interface Asked {
  readonly faults: FaultPlan;
  readonly subject: string;
  /** Text in which "FAIL kind" is looked for. */
  readonly text?: string;
}

/** Answers as an overloaded server, or a proxy that limits, does; true if it did. */
export function answeredBusy(exchange: HttpExchange, { faults, subject, text }: Asked): boolean {
  const [status, words] = faults.strikes("http-503", subject, text)
    ? [503, "Service Unavailable"]
    : faults.strikes("http-429", subject, text)
      ? [429, "Too Many Requests"]
      : [0, ""];
  if (status > 0) answerText(exchange, status, `${status}: ${words}`, { "Retry-After": "1" });
  return status > 0;
}
