import { once } from "node:events";
import { createServer, request } from "node:http";
import { text } from "node:stream/consumers";
import { connect, type AddressInfo, type Socket } from "node:net";

export interface PrefixProxy extends AsyncDisposable {
  /** With the prefix. */
  readonly url: string;
  /** WebSockets that went through. */
  readonly webSockets: number;
  /** Paths asked for outside the prefix. */
  readonly strays: readonly string[];
}

/** A proxy that serves another server under a path, as nginx and the pod proxies do. */
export async function startPrefixProxy(
  target: string,
  prefix: string,
  { rewrite }: { /** Changes answers to POST /prompt. */ readonly rewrite?: (answer: string) => string } = {},
): Promise<PrefixProxy> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  const strays: string[] = [];
  let webSockets = 0;
  const inner = (url = "/"): string | null => {
    if (url.startsWith(`${prefix}/`)) return url.slice(prefix.length);
    strays.push(url);
    return null;
  };
  const server = createServer((incoming, response) => {
    const path = inner(incoming.url);
    if (path === null) return void response.writeHead(404).end();
    const headers = { ...incoming.headers, host: `${hostname}:${port}` };
    const outgoing = request({ hostname, port, path, method: incoming.method, headers }, (answer) => {
      if (rewrite === undefined || incoming.method !== "POST" || path !== "/prompt") {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        return void answer.pipe(response);
      }
      void text(answer).then((body) =>
        response.writeHead(answer.statusCode ?? 502, { "content-type": "application/json" }).end(rewrite(body)),
      );
    });
    outgoing.on("error", () => response.destroy());
    incoming.pipe(outgoing);
  });
  server.on("upgrade", (incoming, socket, head) => {
    const path = inner(incoming.url);
    if (path === null) return void socket.destroy();
    webSockets++;
    const upstream = connect(Number(port), hostname, () => {
      const lines = Object.entries({ ...incoming.headers, host: `${hostname}:${port}` }).map(
        ([name, value]) => `${name}: ${String(value)}`,
      );
      upstream.write(`GET ${path} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`);
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
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${prefix}`,
    get webSockets() {
      return webSockets;
    },
    strays,
    async [Symbol.asyncDispose]() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, "close");
    },
  };
}
