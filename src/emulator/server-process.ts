import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { FatalError } from "../errors.ts";
import { errnoOf } from "../lib/files/file-problem.ts";
import { comfyState, type ComfyOptions } from "./comfy-state.ts";
import type { HttpExchange } from "./http/http-exchange.ts";

export interface ProcessOptions extends ComfyOptions {
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
}

/** One life of a server, from start to kill. */
export interface ServerProcess {
  readonly port: number;
  /** Acts like SIGKILL: every connection is cut; queue, history and node cache are gone. */
  kill(): Promise<void>;
}

/** Source: aiohttp keeps an idle connection for 75 s; Node's default of 5 s would cut clients off that count on it. */
const KEEP_ALIVE_MS = 75_000;

/** Starts a server; resolves when it listens. */
export async function startProcess(options: ProcessOptions): Promise<ServerProcess> {
  const state = comfyState(options);
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS, requestTimeout: 0 }, (request, response) => {
    void state.answer(exchangeOf(request, response));
  });
  server.on("upgrade", (request: IncomingMessage, socket: Duplex) => {
    const { path, query } = targetOf(request);
    if (path === "/ws") return state.connect(request, { socket, clientId: query.get("clientId") ?? "" });
    socket.end("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  });
  await listen(server, options);
  let closed: Promise<unknown> | undefined;
  return {
    port: (server.address() as AddressInfo).port, // a listening TCP server has one
    async kill() {
      if (closed === undefined) {
        state.kill();
        closed = new Promise((resolve) => server.close(resolve));
        server.closeAllConnections();
      }
      await closed;
    },
  };
}

function listen(server: Server, { host, port }: Pick<ProcessOptions, "host" | "port">): Promise<void> {
  return new Promise((resolve, reject) => {
    const refuse = (error: Error): void => reject(portError(error, `${host}:${String(port)}`));
    server.once("error", refuse);
    server.listen(port, host, () => {
      server.off("error", refuse);
      resolve();
    });
  });
}

const PORT_PROBLEMS: Readonly<Record<string, string>> = {
  EADDRINUSE: "another program uses this port",
  EACCES: "this user may not use this port",
  EADDRNOTAVAIL: "this machine has no such address",
};

function portError(error: Error, place: string): Error {
  const why = PORT_PROBLEMS[errnoOf(error) ?? ""];
  if (why === undefined) return error;
  return new FatalError(`Cannot listen on ${place}: ${why}`, {
    hint: "--port with another one, or --port 0 for any free one",
    cause: error,
  });
}

function exchangeOf(request: IncomingMessage, response: ServerResponse): HttpExchange {
  // A client may go away at any time; the answer then goes nowhere.
  response.on("error", () => undefined);
  return { request, response, ...targetOf(request) };
}

function targetOf(request: IncomingMessage): Pick<HttpExchange, "path" | "query"> {
  const [pathname = "/", ...rest] = (request.url ?? "/").split("?");
  const path = pathname.startsWith("/api/") ? pathname.slice("/api".length) : pathname;
  return { path, query: new URLSearchParams(rest.join("?")) };
}
