import { randomUUID } from "node:crypto";
import type { Clock } from "../../lib/clock.ts";
import { createBackoff, WAITS } from "../../lib/retry.ts";
import { parseEvent, type ComfyEvent } from "./event.ts";
import { runEventSocket } from "./event-socket.ts";
import { serverAddress } from "./server-address.ts";

/** ComfyUI sends no pings of its own, and a link that is cut looks like a quiet one: ping it, ms. */
const PING_MS = 20_000;
/** Without a frame or pong for this long the link is dead, ms: three pings. */
const IDLE_MS = 60_000;

export interface ComfyEventsOptions {
  /** The server's URL, http or https. */
  readonly url: string;
  /** On the handshake. */
  readonly headers: Readonly<Record<string, string>>;
  readonly caFile?: string | null;
  readonly clock: Clock;
  /** Ends it all. */
  readonly signal: AbortSignal;
  readonly pingMs?: number;
  readonly idleMs?: number;
  readonly backoff?: { readonly firstMs: number; readonly maxMs: number };
  onEvent(event: ComfyEvent): void;
  /** After each connect. What was sent while there was no connection is lost: read history now. */
  onOpen(): void;
  /** After each connection that ended or never came to be; another try follows. */
  onDown?(error: Error): void;
}

export interface ComfyEvents {
  /**
   * Of the newest connection, or while there is none of the next. A fresh one for each: with a used one the old handler's clean-up
   * unregisters the new socket (ComfyUI#16010).
   */
  readonly clientId: string;
  close(): void;
}

/** One WebSocket to a server, connected again whenever it breaks. A hint only: whoever needs the truth asks history. */
export function comfyEvents(options: ComfyEventsOptions): ComfyEvents {
  const { clock, backoff: waits = WAITS.socket } = options;
  const closing = new AbortController();
  const signal = AbortSignal.any([options.signal, closing.signal]);
  const address = serverAddress(options.url).replace(/^http/, "ws");
  let clientId: string = randomUUID();

  async function keepConnected(): Promise<void> {
    const backoff = createBackoff(waits);
    while (!signal.aborted) {
      const { openMs, error } = await runEventSocket({
        url: `${address}/ws?clientId=${clientId}`,
        headers: options.headers,
        caFile: options.caFile ?? null,
        clock,
        signal,
        pingMs: options.pingMs ?? PING_MS,
        idleMs: options.idleMs ?? IDLE_MS,
        onOpen: () => options.onOpen(),
        onText(text) {
          const event = parseEvent(text);
          if (event !== null) options.onEvent(event);
        },
      });
      if (signal.aborted) return;
      // At once, so that what is submitted meanwhile belongs to the next connection.
      clientId = randomUUID();
      options.onDown?.(error);
      // A server that accepts and closes again is down, too.
      if (openMs >= waits.maxMs) backoff.worked();
      await clock.sleep(backoff.failed(), signal).catch((reason: unknown) => {
        if (!signal.aborted) throw reason;
      });
    }
  }

  void keepConnected();
  return {
    get clientId() {
      return clientId;
    },
    close: () => closing.abort(),
  };
}
