import { validateHeaderName, validateHeaderValue } from "node:http";
import { AS_IT_IS } from "../../lib/http/read-answer.ts";
import { openPlainSocket, type HeldSink, type PlainOutcome, type PlainSocket, type PlainSocketOptions } from "./plain-socket.ts";

/** Servers keep an idle connection some seconds at least: aiohttp 75. As undici does it. */
const IDLE_TIMEOUT_MS = 4_000;
/** After an answer of another kind, so many are not tried: a server with large images would send the beginning of each twice. */
const OTHERS_SKIPPED = 16;
/** Fields that say how a body is sent: this side sends none, and says itself what becomes of the connection. */
const NOT_OURS = new Set(["connection", "content-length", "expect", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"]);
/** A path that needs no escaping any more. */
const PATH = /^\/[\x21-\x7e]*$/;

export interface PlainGetsOptions extends Omit<PlainSocketOptions, "host" | "port" | "idleTimeoutMs"> {
  /** Without a trailing slash. */
  readonly url: string;
  /** In lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly connections: number;
}

export interface HeldReading {
  readonly sink: HeldSink;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

export interface PlainGets {
  /**
   * Reads an answer into the sink. False: nothing was given to it, and the request is to be made in the general way, which will also
   * say what is wrong. Rejects as `PlainSocket.get` does.
   */
  get(path: string, reading: HeldReading): Promise<boolean>;
  close(): void;
}

/** Opens nothing before the first request. Null where requests go encrypted, or carry headers that need more than this. */
export function plainGets({ url, headers, connections, ...socketOptions }: PlainGetsOptions): PlainGets | null {
  const { protocol, hostname, host, port, pathname } = new URL(url);
  const lines = protocol === "http:" ? headerLines({ host, ...AS_IT_IS, ...headers }) : null;
  if (lines === null) return null;
  const options = {
    ...socketOptions,
    host: hostname.replace(/^\[(.*)\]$/, "$1"),
    port: Number(port || 80),
    idleTimeoutMs: IDLE_TIMEOUT_MS,
  };
  const base = pathname.replace(/\/+$/, "");
  const idle: PlainSocket[] = [];
  const busy = new Set<PlainSocket>();
  let skip = 0;

  function freeSocket(): PlainSocket {
    for (let socket = idle.pop(); socket !== undefined; socket = idle.pop()) if (socket.isOpen()) return socket;
    return openPlainSocket(options);
  }

  return {
    async get(path, reading) {
      if (skip > 0) {
        skip--;
        return false;
      }
      if (busy.size >= connections || !PATH.test(base + path)) return false;
      const socket = freeSocket();
      busy.add(socket);
      let outcome: PlainOutcome;
      try {
        outcome = await socket.get({ ...reading, request: `GET ${base}${path} HTTP/1.1\r\n${lines}\r\n` });
      } finally {
        busy.delete(socket);
        if (socket.isOpen()) idle.push(socket);
      }
      if (outcome === "other") skip = OTHERS_SKIPPED;
      return outcome === "read";
    },
    close() {
      for (const socket of [...idle.splice(0), ...busy]) socket.destroy();
    },
  };
}

/** Null where a header cannot be sent so; undici says why. */
function headerLines(headers: Readonly<Record<string, string>>): string | null {
  const entries = Object.entries({ ...headers, connection: "keep-alive" });
  if (Object.keys(headers).some((name) => NOT_OURS.has(name))) return null;
  try {
    for (const [name, value] of entries) {
      validateHeaderName(name);
      validateHeaderValue(name, value);
    }
  } catch {
    return null;
  }
  return entries.map(([name, value]) => `${name}: ${value}\r\n`).join("");
}
