import type { Socket } from "node:net";
import { Agent, WebSocket, buildConnector, ping } from "undici";
import { TransientError } from "../../errors.ts";
import type { Clock } from "../../lib/clock.ts";
import { networkReason } from "../../lib/http/failure.ts";
import { readCa } from "./connection.ts";

export interface EventSocketOptions {
  /** Address with the clientId. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly caFile: string | null;
  readonly clock: Clock;
  readonly pingMs: number;
  readonly idleMs: number;
  readonly signal: AbortSignal;
  onOpen(): void;
  onText(text: string): void;
}

/** The end of a connection: its reason, and how long it was open. */
export interface EventSocketEnd {
  readonly openMs: number;
  readonly error: Error;
}

/**
 * One WebSocket from handshake to close. Resolves once its socket is gone, which a silent peer cannot put off; never rejects.
 */
export function runEventSocket(options: EventSocketOptions): Promise<EventSocketEnd> {
  const { clock, signal } = options;
  const what = `keep a WebSocket to ${options.url.split("?", 1)[0]}`;
  const over = new AbortController();
  let socket: Socket | null = null;
  return new Promise((resolve) => {
    let openedAtMs: number | null = null;
    let dispatcher: Agent | null = null;
    let failure: Error = new TransientError(`Cannot ${what}: it was closed`);
    const end = (): void => {
      over.abort();
      signal.removeEventListener("abort", end);
      // close() waits for the peer's answer, which a dead one never gives.
      socket?.destroy();
      void dispatcher?.destroy();
      resolve({ openMs: openedAtMs === null ? 0 : clock.nowMs() - openedAtMs, error: failure });
    };
    signal.addEventListener("abort", end, { once: true });
    try {
      // An agent of its own, to get at the raw socket. HTTP/1.1: aiohttp knows no WebSocket over HTTP/2.
      const connect = buildConnector({ allowH2: false, ...readCa(options.caFile) });
      dispatcher = new Agent({
        allowH2: false,
        connect: (target, callback) =>
          connect(target, (...result) => {
            socket = result[1];
            if (over.signal.aborted) socket?.destroy();
            callback(...result);
          }),
      });
      const webSocket = new WebSocket(options.url, { dispatcher, headers: { ...options.headers } });
      webSocket.binaryType = "arraybuffer";
      webSocket.addEventListener("open", () => {
        openedAtMs = clock.nowMs();
        if (!over.signal.aborted) options.onOpen();
      });
      webSocket.addEventListener("message", ({ data }: { data: unknown }) => {
        // Binary frames are previews.
        if (typeof data === "string" && !over.signal.aborted) options.onText(data);
      });
      webSocket.addEventListener("error", ({ error, message }) => {
        failure = new TransientError(`Cannot ${what}: ${error instanceof Error ? networkReason(error) : message}`, { cause: error });
      });
      webSocket.addEventListener("close", end);
      void watch(webSocket, { ...options, socket: () => socket, over: over.signal });
    } catch (error) {
      failure = error instanceof Error ? error : new TransientError(`Cannot ${what}: ${String(error)}`);
      end();
    }
  });
}

interface Watched extends Pick<EventSocketOptions, "clock" | "pingMs" | "idleMs"> {
  readonly socket: () => Socket | null;
  readonly over: AbortSignal;
}

/** Pings the peer and cuts the connection once nothing came for too long, pongs included: undici never notices that itself. */
async function watch(webSocket: WebSocket, { clock, pingMs, idleMs, socket, over }: Watched): Promise<void> {
  let lastSeenMs = clock.nowMs();
  let seenBytes = 0;
  while (!over.aborted) {
    await clock.sleep(pingMs, over).catch((error: unknown) => {
      if (!over.aborted) throw error;
    });
    const bytes = socket()?.bytesRead ?? 0;
    if (bytes !== seenBytes) lastSeenMs = clock.nowMs();
    seenBytes = bytes;
    if (clock.nowMs() - lastSeenMs >= idleMs) socket()?.destroy();
    else if (!over.aborted && webSocket.readyState === WebSocket.OPEN) ping(webSocket);
  }
}
