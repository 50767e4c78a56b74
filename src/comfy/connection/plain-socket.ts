import { connect } from "node:net";
import { parsePlainHead, type PlainHead } from "./plain-head.ts";

/** Longest head that is looked at. aiohttp's own limit for a line is 8190. */
const HEAD_MAX_BYTES = 32 * 1024;
const HEAD_END = "\r\n\r\n";

/** Where a body goes that is read as it comes from the socket. */
export interface HeldSink {
  /** Called first, and once: memory of exactly that length. */
  begin(sizeBytes: number): Buffer;
  /** A piece of that memory, once it is filled; in order. What it throws ends the reading. */
  piece(bytes: Buffer): void;
}

export interface PlainSocketOptions {
  readonly host: string;
  readonly port: number;
  readonly connectTimeoutMs: number;
  /** For the head of an answer, and between two pieces of its body. */
  readonly timeoutMs: number;
  /** How long it is kept while nobody wants it. */
  readonly idleTimeoutMs: number;
}

export interface PlainGet {
  /** Head of the request, with its empty line. */
  readonly request: string;
  readonly sink: HeldSink;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

/**
 * `read`: all of it is in the sink. `other`: the answer is of another kind; nothing was given to the sink. `closed`: no answer came, as
 * when the server closed a connection that it thought idle.
 */
export type PlainOutcome = "read" | "other" | "closed";

export interface PlainSocket {
  /** False once it can take no further request. */
  isOpen(): boolean;
  /** One at a time. Rejects with the sink's error, the signal's reason, or an error with a `code` where the answer broke off or stalled. */
  get(task: PlainGet): Promise<PlainOutcome>;
  destroy(): void;
}

interface Reading extends PlainGet {
  readonly resolve: (outcome: PlainOutcome) => void;
  readonly reject: (reason: Error) => void;
  head: PlainHead | null;
  body: Buffer;
  /** Of the body. */
  seenBytes: number;
}

/** As undici names them, which `lib/network-reason.ts` has words for. */
type Trouble = "UND_ERR_CONNECT_TIMEOUT" | "UND_ERR_HEADERS_TIMEOUT" | "UND_ERR_BODY_TIMEOUT" | "UND_ERR_SOCKET";

/**
 * A connection whose answers are read by the system into their final place. Through undici, whose every piece is a new buffer of 64 KiB,
 * harvest takes a fifth more CPU (`docs/measured.md`, Harvest).
 */
export function openPlainSocket({ host, port, connectTimeoutMs, timeoutMs, idleTimeoutMs }: PlainSocketOptions): PlainSocket {
  const headBytes = Buffer.alloc(HEAD_MAX_BYTES);
  let headLength = 0;
  /** Where the next bytes go. Never of length 0, and never memory that was given away: nothing is read there but a body that is due. */
  let target: Buffer = headBytes;
  let reading: Reading | null = null;
  let isConnected = false;

  const socket = connect({
    host,
    port,
    noDelay: true,
    onread: {
      buffer: () => target,
      callback(count) {
        take(count);
        return true;
      },
    },
  });
  socket.on("connect", () => {
    isConnected = true;
    socket.setTimeout(timeoutMs);
  });
  socket.on("timeout", () => fail(coded(timeoutOf(reading))));
  socket.on("error", fail);
  socket.on("end", () => fail(coded("UND_ERR_SOCKET")));
  socket.on("close", () => fail(coded("UND_ERR_SOCKET")));
  socket.setTimeout(connectTimeoutMs);

  function timeoutOf(current: Reading | null): Trouble {
    if (!isConnected) return "UND_ERR_CONNECT_TIMEOUT";
    return current === null || current.head === null ? "UND_ERR_HEADERS_TIMEOUT" : "UND_ERR_BODY_TIMEOUT";
  }

  function take(count: number): void {
    const current = reading;
    if (current === null) return void socket.destroy(); // Nobody asked: the two sides no longer agree.
    try {
      if (current.head === null) takeHead(current, count);
      else takeBody(current, count);
    } catch (error) {
      settle(() => current.reject(error as Error)); // The sink's: a RejectError, or a bug.
      socket.destroy();
    }
  }

  function takeHead(current: Reading, count: number): void {
    headLength += count;
    const seen = headBytes.subarray(0, headLength);
    const end = seen.indexOf(HEAD_END);
    if (end < 0 && headLength < HEAD_MAX_BYTES) {
      target = headBytes.subarray(headLength);
      return;
    }
    const head = end < 0 ? null : parsePlainHead(seen.toString("latin1", 0, end));
    if (head === null || head.bodyBytes > current.maxBytes) return finish(current, { outcome: "other", keep: false });
    current.head = head;
    current.body = current.sink.begin(head.bodyBytes);
    const first = seen.subarray(end + HEAD_END.length);
    if (first.length > head.bodyBytes) current.head = { ...head, keepAlive: false };
    current.body.set(first.subarray(0, head.bodyBytes));
    takeBody(current, Math.min(first.length, head.bodyBytes));
  }

  function takeBody(current: Reading, count: number): void {
    const { body, sink, seenBytes } = current;
    current.seenBytes += count;
    if (count > 0) sink.piece(body.subarray(seenBytes, current.seenBytes));
    if (current.seenBytes < body.length) target = body.subarray(current.seenBytes);
    else finish(current, { outcome: "read", keep: current.head?.keepAlive === true });
  }

  function finish(current: Reading, { outcome, keep }: { readonly outcome: PlainOutcome; readonly keep: boolean }): void {
    settle(() => current.resolve(outcome));
    if (!keep) return void socket.destroy();
    socket.setTimeout(idleTimeoutMs);
    socket.unref(); // Nobody waits for it.
  }

  /** A reset, an end, a timeout: an idle connection only goes. */
  function fail(error: Error & { readonly code?: string }): void {
    const current = reading;
    // A server that cannot be asked, or closed instead of answering, is asked once more by whoever knows what to make of that.
    const isUnheard = current?.head === null && error.code?.endsWith("_TIMEOUT") !== true;
    if (current !== null) settle(() => (isUnheard ? current.resolve("closed") : current.reject(error)));
    socket.destroy();
  }

  function settle(tell: () => void): void {
    reading?.signal.removeEventListener("abort", onAbort);
    reading = null;
    headLength = 0;
    target = headBytes;
    tell();
  }

  function onAbort(): void {
    const current = reading;
    if (current !== null) settle(() => current.reject(current.signal.reason as Error));
    socket.destroy();
  }

  return {
    isOpen: () => !socket.destroyed && reading === null,
    destroy: () => void socket.destroy(),
    get(task) {
      if (reading !== null) throw new Error("a plain socket reads one answer at a time");
      task.signal.throwIfAborted();
      const { promise, resolve, reject } = Promise.withResolvers<PlainOutcome>();
      reading = { ...task, resolve, reject, head: null, body: headBytes.subarray(0, 0), seenBytes: 0 };
      task.signal.addEventListener("abort", onAbort, { once: true });
      socket.ref();
      socket.setTimeout(isConnected ? timeoutMs : connectTimeoutMs);
      socket.write(task.request, "latin1");
      return promise;
    },
  };
}

const WORDS: Readonly<Record<Trouble, string>> = {
  UND_ERR_CONNECT_TIMEOUT: "no connection in time",
  UND_ERR_HEADERS_TIMEOUT: "no answer in time",
  UND_ERR_BODY_TIMEOUT: "it stopped coming",
  UND_ERR_SOCKET: "the connection was closed in the middle",
};

function coded(code: Trouble): Error & { readonly code: string } {
  return Object.assign(new Error(WORDS[code]), { code });
}
