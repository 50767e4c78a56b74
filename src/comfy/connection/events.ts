import { randomUUID } from "node:crypto";
import type { Clock } from "../../lib/clock.ts";
import { createBackoff, WAITS } from "../../lib/retry.ts";
import { runEventSocket } from "./event-socket.ts";
import { serverAddress } from "./connection.ts";
import { isJsonArray, isJsonObject, type Json, type JsonObject } from "../../lib/exact-json.ts";
import { tryParsePython } from "../../lib/python-json.ts";

/** ComfyUI sends no pings of its own, and a link that is cut looks like a quiet one: ping it, ms. */
const PING_MS = 20_000;
/** The link is dead after this time without a frame or pong, ms: three pings. */
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
  /** Called after each connect. Messages sent without a connection are lost, so the caller should read history now. */
  onOpen(): void;
  /** Called after each connection that was open and has ended. Another try follows. */
  onClose(): void;
}

export interface ComfyEvents {
  /**
   * The id of the newest connection, or of the next one while there is none. Each connection has a new id: with a used one, the clean-up of the
   * old handler unregisters the new socket (ComfyUI#16010).
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
      let wasOpen = false;
      const { openMs } = await runEventSocket({
        url: `${address}/ws?clientId=${clientId}`,
        headers: options.headers,
        caFile: options.caFile ?? null,
        clock,
        signal,
        pingMs: options.pingMs ?? PING_MS,
        idleMs: options.idleMs ?? IDLE_MS,
        onOpen() {
          wasOpen = true;
          options.onOpen();
        },
        onText(text) {
          const event = parseEvent(text);
          if (event !== null) options.onEvent(event);
        },
      });
      if (signal.aborted) return;
      // At once, so that what is submitted meanwhile belongs to the next connection.
      clientId = randomUUID();
      if (wasOpen) options.onClose();
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

/** A message of ComfyUI's WebSocket that we use. `promptId` is null where the message is about no prompt, or does not say. */
export type ComfyEvent =
  | { readonly type: "status"; readonly promptId: null; readonly queueRemaining: number }
  | { readonly type: "executionStart" | "executionSuccess"; readonly promptId: string | null }
  /** These nodes will not run: their results are there already. */
  | { readonly type: "executionCached"; readonly promptId: string | null; readonly nodes: readonly string[] }
  /** `node` runs now. Null: the prompt is over, well or not, and its history entry is there. */
  | { readonly type: "executing"; readonly promptId: string | null; readonly node: string | null }
  /** A sampler's steps. */
  | {
      readonly type: "progress";
      readonly promptId: string | null;
      readonly node: string | null;
      readonly value: number;
      readonly max: number;
    }
  /** An output node is done. */
  | { readonly type: "executed"; readonly promptId: string | null; readonly node: string | null }
  | { readonly type: "executionError" | "executionInterrupted"; readonly promptId: string | null; readonly node: string | null };

/**
 * Half of a server's traffic: the state of every node of the workflow, at each step of any. Told by how ComfyUI writes it (json.dumps), so
 * that it need not be read; written otherwise it is read, and passed over all the same.
 */
const IGNORED = /^\{"type": ?"(?:progress_state|feature_flags|crystools\.monitor)"/;

/** Null for messages that we do not use, unknown ones and what is no JSON. */
function parseEvent(text: string): ComfyEvent | null {
  if (IGNORED.test(text)) return null;
  const message = tryParsePython(text); // A message that cannot be read is no hint. Polling goes on.
  if (!isJsonObject(message) || !isJsonObject(message["data"])) return null;
  const { type, data } = message;
  const promptId = textOrNull(data["prompt_id"]);
  switch (type) {
    case "status":
      return statusEvent(data);
    case "execution_start":
      return { type: "executionStart", promptId };
    case "execution_cached":
      return { type: "executionCached", promptId, nodes: textsOf(data["nodes"]) };
    case "executing":
      return { type: "executing", promptId, node: textOrNull(data["node"]) };
    case "progress":
      return { type: "progress", promptId, node: textOrNull(data["node"]), value: numberOf(data["value"]), max: numberOf(data["max"]) };
    case "executed":
      return { type: "executed", promptId, node: textOrNull(data["node"]) };
    case "execution_success":
      return { type: "executionSuccess", promptId };
    case "execution_error":
      return { type: "executionError", promptId, node: textOrNull(data["node_id"]) };
    case "execution_interrupted":
      return { type: "executionInterrupted", promptId, node: textOrNull(data["node_id"]) };
    default:
      return null;
  }
}

function statusEvent(data: JsonObject): ComfyEvent | null {
  const status = isJsonObject(data["status"]) ? data["status"] : {};
  const info = isJsonObject(status["exec_info"]) ? status["exec_info"] : {};
  const remaining = info["queue_remaining"];
  return typeof remaining === "number" && Number.isFinite(remaining) ? { type: "status", promptId: null, queueRemaining: remaining } : null;
}

const textOrNull = (value: Json | undefined): string | null => (typeof value === "string" ? value : null);
const textsOf = (value: Json | undefined): readonly string[] =>
  isJsonArray(value) ? value.filter((item) => typeof item === "string") : [];
const numberOf = (value: Json | undefined): number => (typeof value === "number" && Number.isFinite(value) ? value : 0);
