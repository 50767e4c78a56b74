import { once } from "node:events";
import { createServer, request, type ServerResponse } from "node:http";
import { connect, type AddressInfo, type Socket } from "node:net";
import { text } from "node:stream/consumers";

/** A request as a proxy sees it. */
export interface SeenRequest {
  /** `POST /prompt`, without the query. */
  readonly what: string;
  readonly query: URLSearchParams;
  readonly body: string;
}

/** Answers in the server's place, and returns true; false lets the request through. */
export type Fault = (request: SeenRequest, response: ServerResponse) => boolean;

export interface FaultProxy extends AsyncDisposable {
  readonly url: string;
  /** How often each request was made. */
  readonly counts: ReadonlyMap<string, number>;
  /** From now on it answers so. */
  setFault(fault: Fault): void;
}

/** A proxy before one server that answers some requests itself, as firewalls, login pages and half-dead servers do. */
export async function startFaultProxy(target: string, fault: Fault): Promise<FaultProxy> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  const counts = new Map<string, number>();
  let current = fault;
  const server = createServer((incoming, response) => {
    void (async () => {
      const { pathname, searchParams } = new URL(incoming.url ?? "/", target);
      const what = `${incoming.method ?? ""} ${pathname.replace(/^\/history\/.+/, "/history/ID")}`;
      const body = await text(incoming);
      counts.set(what, (counts.get(what) ?? 0) + 1);
      if (current({ what: `${incoming.method ?? ""} ${pathname}`, query: searchParams, body }, response)) return;
      const headers = { ...incoming.headers, host: `${hostname}:${port}`, "content-length": String(Buffer.byteLength(body)) };
      const outgoing = request({ hostname, port, path: incoming.url, method: incoming.method, headers }, (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      });
      outgoing.on("error", () => response.destroy());
      outgoing.end(body);
    })().catch(() => response.destroy());
  });
  server.on("upgrade", (incoming, socket, head) => {
    const upstream = connect(Number(port), hostname, () => {
      const lines = Object.entries({ ...incoming.headers, host: `${hostname}:${port}` }).map(
        ([name, value]) => `${name}: ${String(value)}`,
      );
      upstream.write(`GET ${incoming.url ?? "/"} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`);
      upstream.write(head);
      socket.pipe(upstream).pipe(socket);
    });
    upstream.on("error", () => socket.destroy());
    socket.on("error", () => upstream.destroy());
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
    counts,
    setFault: (next) => void (current = next),
    async [Symbol.asyncDispose]() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, "close");
    },
  };
}
