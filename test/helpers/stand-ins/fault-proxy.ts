import type { ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import { forward, forwardUpgrade, startHttpServer } from "./http-server.ts";

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

/**
 * A proxy before one server that answers some requests itself, as firewalls, login pages and half-dead servers do. With `passesEvents` false
 * it lets no WebSocket through.
 */
export async function startFaultProxy(target: string, fault: Fault, { passesEvents = true } = {}): Promise<FaultProxy> {
  const counts = new Map<string, number>();
  let current = fault;
  const proxy = await startHttpServer(async (asked, answered) => {
    const { pathname, searchParams } = new URL(asked.url ?? "/", target);
    const what = `${asked.method ?? ""} ${pathname.replace(/^\/history\/.+/, "/history/ID")}`;
    const body = await text(asked);
    counts.set(what, (counts.get(what) ?? 0) + 1);
    if (current({ what: `${asked.method ?? ""} ${pathname}`, query: searchParams, body }, answered)) return;
    const headers = { ...asked.headers, host: new URL(target).host, "content-length": String(Buffer.byteLength(body)) };
    forward(asked, answered, target, { headers, body });
  });
  proxy.server.on("upgrade", (asked, socket, head) => {
    if (passesEvents) forwardUpgrade(asked, socket, head, target);
    else socket.end("HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n");
  });
  return {
    url: proxy.url,
    counts,
    setFault: (next) => void (current = next),
    [Symbol.asyncDispose]: () => proxy[Symbol.asyncDispose](),
  };
}
