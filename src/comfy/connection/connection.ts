import type { IncomingHttpHeaders } from "node:http";
import type { Readable } from "node:stream";
import { Agent, buildConnector, type Dispatcher, request, type FormData } from "undici";
import { TransientError, ConfigError } from "../../errors.ts";
import { AS_IT_IS, unpackAnswer } from "../../lib/http/read-answer.ts";
import { networkFailure } from "./http-failure.ts";
import { readFileSync } from "node:fs";
import { fileProblem } from "../../lib/files/file-problem.ts";

export const CONNECT_TIMEOUT_MS = 5_000;

export interface ConnectionOptions {
  readonly url: string;
  /** Sent with every request. They are secrets: never in a message. */
  readonly headers: Readonly<Record<string, string>>;
  readonly caFile: string | null;
  readonly connections: number;
  /** Longest wait for the headers of an answer, and between two pieces of its body, ms. */
  readonly timeoutMs: number;
}

export interface Call {
  readonly method: "GET" | "POST";
  /** Path below the server's URL, with its query. */
  readonly path: string;
  readonly json?: string;
  readonly form?: FormData;
  readonly signal: AbortSignal;
  /** The request is about one job or image. Its answer says nothing of the server as a whole, whatever its status. */
  readonly isAboutOne?: boolean;
}

/** An answer, unpacked where a proxy packed it. */
export interface ServerAnswer {
  readonly statusCode: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Readable;
}

/** Requests to one server, with its headers. */
export interface Connection {
  readonly url: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /**
   * The answer whatever its status; the caller reads or destroys its body. Redirects are answers, too: headers go to no other place.
   * @throws {TransientError | ConfigError} or the abort reason
   */
  exchange(call: Call): Promise<ServerAnswer>;
  /** Opens the connections that requests go through, where none are open. */
  dispatcher(): Dispatcher;
  /** True for an error after which the server surely has seen nothing of the request. */
  isUnsent(error: unknown): boolean;
  close(): Promise<void>;
}

/** Opens no connection and reads no file before the first request. */
export function openConnection(options: ConnectionOptions): Connection {
  const url = serverAddress(options.url);
  const headers = Object.fromEntries(Object.entries(options.headers).map(([name, value]) => [name.toLowerCase(), value]));
  /** Errors of sockets that never came to be. */
  const unsent = new WeakSet<Error>();
  let agent: Agent | null = null;
  const dispatcher = (): Agent => (agent ??= openAgent(options, unsent));
  return {
    url,
    headers,
    dispatcher,
    async exchange(call) {
      try {
        const answer = await request(`${url}${call.path}`, {
          dispatcher: dispatcher(),
          method: call.method,
          headers: { ...AS_IT_IS, ...headers, ...(call.json === undefined ? {} : { "content-type": "application/json" }) },
          body: call.json ?? call.form ?? null,
          signal: call.signal,
        });
        return { statusCode: answer.statusCode, ...unpackAnswer(answer) };
      } catch (error) {
        call.signal.throwIfAborted();
        throw networkFailure(describeCall(url, call), error);
      }
    },
    isUnsent: (error) => error instanceof TransientError && error.cause instanceof Error && unsent.has(error.cause),
    async close() {
      await agent?.destroy();
    },
  };
}

/** `GET http://host/path`, without the query, for messages. */
export function describeCall(url: string, { method, path }: Pick<Call, "method" | "path">): string {
  return `${method} ${url}${path.split("?", 1)[0]}`;
}

function openAgent({ caFile, connections, timeoutMs }: ConnectionOptions, unsent: WeakSet<Error>): Agent {
  // aiohttp speaks HTTP/1.1; a proxy in front may offer more than it does well.
  const connect = buildConnector({ allowH2: false, timeout: CONNECT_TIMEOUT_MS, ...readCa(caFile) });
  return new Agent({
    connections,
    pipelining: 1,
    allowH2: false,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    connect: (target, callback) =>
      connect(target, (...result) => {
        if (result[0] !== null) unsent.add(result[0]);
        callback(...result);
      }),
  });
}

/** The TLS option for a certificate authority of the user's own. @throws {ConfigError} if its file cannot be read. */
export function readCa(caFile: string | null): { readonly ca?: string } {
  if (caFile === null) return {};
  try {
    return { ca: readFileSync(caFile, "utf8") };
  } catch (error) {
    throw new ConfigError(`Cannot read the CA certificate ${caFile}: ${fileProblem(error)}`, {
      hint: "correct servers[].ca_file",
      cause: error,
    });
  }
}

/**
 * A server's URL in the form that every request is built on: http or https, path prefix kept, no slash at its end.
 * @throws {ConfigError} for anything else, and for secrets in it: they would show up in every message.
 */
export function serverAddress(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:")) {
    throw new ConfigError("Cannot use the server's URL: it is neither http:// nor https://", { hint: "write it as http://127.0.0.1:8188" });
  }
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") {
    throw new ConfigError(`Cannot use the server's URL at ${url.host}: it holds a user name, password, query or fragment`, {
      hint: "put secrets under servers[].headers",
    });
  }
  return url.href.replace(/\/+$/, "");
}
