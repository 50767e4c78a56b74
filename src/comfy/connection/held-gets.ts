import type { IncomingHttpHeaders } from "node:http";
import type { Dispatcher } from "undici";
import { networkCode } from "../../lib/http/failure.ts";
import { AS_IT_IS } from "../../lib/http/read-answer.ts";

/** After an answer that does not fit, this many requests do not try: a server with large images would send the beginning of each twice. */
const OTHERS_SKIPPED = 16;
/** A length that a number holds exactly. */
const LENGTH = /^\d{1,15}$/;
/** Headers after which a body is something else than so many bytes of the file. */
const OTHER_BODIES = ["content-encoding", "transfer-encoding", "content-range"];

/** Takes a body that is read into memory as it comes. */
export interface HeldSink {
  /** Called first, and once. Returns memory of exactly that length. */
  begin(sizeBytes: number): Buffer;
  /** Gets each piece of that memory once it is filled, in order. An error thrown here ends the reading. */
  piece(bytes: Buffer): void;
}

export interface HeldReading {
  readonly sink: HeldSink;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

export interface HeldGets {
  /**
   * Reads the answer to a GET into the sink. Returns false if nothing was given to the sink: the request is to be made in the general
   * way, which also says what is wrong. @throws the sink's error, the signal's reason, or an error with a `code` for an answer that
   * broke off or stalled.
   */
  get(path: string, reading: HeldReading): Promise<boolean>;
}

export interface HeldGetsOptions {
  /** Address of the server, without a slash at its end. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly dispatcher: () => Dispatcher;
}

/**
 * Reads small bodies without a stream: undici's pieces are copied to their final place as they come. A stream for each image costs
 * harvest a third more CPU.
 */
export function openHeldGets({ url, headers, dispatcher }: HeldGetsOptions): HeldGets {
  const { origin, pathname } = new URL(url);
  const base = pathname.replace(/\/+$/, "");
  let skipped = 0;
  return {
    async get(path, reading) {
      if (skipped > 0) {
        skipped--;
        return false;
      }
      reading.signal.throwIfAborted();
      const request = { origin, path: base + path, method: "GET", headers: { ...AS_IT_IS, ...headers } } as const;
      const outcome = await readHeld(dispatcher(), request, reading);
      if (outcome === "other") skipped = OTHERS_SKIPPED;
      return outcome === "read";
    },
  };
}

/** `read`: all of it is in the sink. `other`: an answer of another kind. `unheard`: no answer came. */
type Outcome = "read" | "other" | "unheard";

function readHeld(dispatcher: Dispatcher, request: Dispatcher.DispatchOptions, { sink, maxBytes, signal }: HeldReading): Promise<Outcome> {
  const { promise, resolve, reject } = Promise.withResolvers<Outcome>();
  let body: Buffer | null = null;
  let seenBytes = 0;
  let controller: Dispatcher.DispatchController | undefined;
  /** The first reason counts: what undici says of an aborted request is about the abort. */
  const fail = (reason: Error): void => {
    reject(reason);
    controller?.abort(reason);
  };
  const onAbort = (): void => fail(signal.reason as Error);
  const guarded = (work: () => void): void => {
    try {
      work();
    } catch (error) {
      fail(error as Error); // The sink's: a RejectError, or a bug.
    }
  };

  const handler: Dispatcher.DispatchHandler = {
    onRequestStart(started) {
      controller = started;
      if (signal.aborted) onAbort();
    },
    onResponseStart(_controller, status, headers) {
      const sizeBytes = heldLengthOf(status, headers);
      if (sizeBytes === null || sizeBytes > maxBytes) {
        resolve("other");
        return controller?.abort(new Error("the answer is not to be held"));
      }
      guarded(() => (body = sink.begin(sizeBytes)));
    },
    onResponseData(_controller, chunk) {
      const held = body;
      if (held === null) return;
      guarded(() => {
        held.set(chunk, seenBytes); // undici ends an answer that is longer than announced before it gets here.
        const piece = held.subarray(seenBytes, seenBytes + chunk.length);
        seenBytes += chunk.length;
        sink.piece(piece);
      });
    },
    onResponseEnd: () => resolve("read"),
    onResponseError(_controller, error) {
      const isTimeout = networkCode(error).endsWith("_TIMEOUT");
      // A server that cannot be reached, or closes instead of answering, is asked once more in the general way.
      if (body === null && !isTimeout) resolve("unheard");
      else reject(error);
    },
  };
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    dispatcher.dispatch(request, handler);
  } catch {
    resolve("unheard"); // Headers or a path that cannot be sent: the general way says why.
  }
  return promise.finally(() => signal.removeEventListener("abort", onAbort));
}

/** Returns the length of a body that is the file itself, or null for any other answer. */
function heldLengthOf(status: number, headers: IncomingHttpHeaders): number | null {
  const length = headers["content-length"];
  if (status !== 200 || typeof length !== "string" || !LENGTH.test(length)) return null;
  return OTHER_BODIES.some((name) => headers[name] !== undefined) ? null : Number(length);
}
