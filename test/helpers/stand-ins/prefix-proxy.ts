import { text } from "node:stream/consumers";
import { forward, forwardUpgrade, startHttpServer } from "./http-server.ts";

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
  const strays: string[] = [];
  let webSockets = 0;
  const inner = (url = "/"): string | null => {
    if (url.startsWith(`${prefix}/`)) return url.slice(prefix.length);
    strays.push(url);
    return null;
  };
  const proxy = await startHttpServer((asked, answered) => {
    const path = inner(asked.url);
    if (path === null) return void answered.writeHead(404).end();
    const headers = { ...asked.headers, host: new URL(target).host };
    if (rewrite === undefined || asked.method !== "POST" || path !== "/prompt") return forward(asked, answered, target, { path, headers });
    forward(asked, answered, target, {
      path,
      headers,
      onAnswer: (answer) =>
        void text(answer).then((body) =>
          answered.writeHead(answer.statusCode ?? 502, { "content-type": "application/json" }).end(rewrite(body)),
        ),
    });
  });
  proxy.server.on("upgrade", (asked, socket, head) => {
    const path = inner(asked.url);
    if (path === null) return void socket.destroy();
    webSockets++;
    forwardUpgrade(asked, socket, head, target, path);
  });
  return {
    url: `${proxy.url}${prefix}`,
    get webSockets() {
      return webSockets;
    },
    strays,
    [Symbol.asyncDispose]: () => proxy[Symbol.asyncDispose](),
  };
}
