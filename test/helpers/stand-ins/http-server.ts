import { once } from "node:events";
import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { connect, type AddressInfo, type Socket } from "node:net";
import type { Duplex } from "node:stream";

/** A real HTTP server on loopback, in the test's process. */
export interface HttpServer extends AsyncDisposable {
  /** Without a slash at its end. */
  readonly url: string;
  /** For what is not a request, such as upgrades. */
  readonly server: Server;
  /** Its open connections. */
  readonly sockets: ReadonlySet<Socket>;
}

/** Starts a server that answers with `answer`; where that throws, the connection is cut. Closing it cuts all connections. */
export async function startHttpServer(answer: (asked: IncomingMessage, answered: ServerResponse) => unknown): Promise<HttpServer> {
  const sockets = new Set<Socket>();
  const server = createServer((asked, answered) => {
    asked.on("error", () => undefined); // The client went away; some tests cut on purpose.
    (async () => answer(asked, answered))().catch(() => answered.destroy());
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    // A server that listens on a port has such an address.
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    server,
    sockets,
    async [Symbol.asyncDispose]() {
      const closed = once(server, "close");
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** What of a request is passed on to another server. */
export interface Forwarding {
  readonly path?: string | undefined;
  /** Absent: those that came. */
  readonly headers?: IncomingMessage["headers"];
  /** Absent: the request is piped. */
  readonly body?: string;
  /** Absent: the answer is piped. */
  readonly onAnswer?: (answer: IncomingMessage) => void;
}

/** Passes a request on to `target`, and its answer back. */
export function forward(asked: IncomingMessage, answered: ServerResponse, target: string, forwarding: Forwarding = {}): void {
  const { path = asked.url, headers = asked.headers, body, onAnswer } = forwarding;
  const { hostname, port } = new URL(target);
  const passed = request({ hostname, port, path, method: asked.method, headers }, (answer) => {
    if (onAnswer !== undefined) return onAnswer(answer);
    answered.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(answered);
  });
  passed.on("error", () => answered.destroy());
  if (body === undefined) asked.pipe(passed);
  else passed.end(body);
}

/** Passes a WebSocket on to `target`, both ways. */
export function forwardUpgrade(asked: IncomingMessage, socket: Duplex, head: Buffer, target: string, path = asked.url ?? "/"): void {
  const { hostname, port } = new URL(target);
  const upstream = connect(Number(port), hostname, () => {
    const headers = Object.entries({ ...asked.headers, host: `${hostname}:${port}` });
    upstream.write(`GET ${path} HTTP/1.1\r\n${headers.map(([name, value]) => `${name}: ${String(value)}`).join("\r\n")}\r\n\r\n`);
    upstream.write(head);
    socket.pipe(upstream).pipe(socket);
  });
  upstream.on("error", () => socket.destroy());
  socket.on("error", () => upstream.destroy());
}
