import { STATUS_CODES } from "node:http";
import { Readable } from "node:stream";
import { Agent, type Dispatcher, request } from "undici";
import { FatalError, TransientError } from "../errors.ts";
import { type Deadline, deadlineAfter } from "../lib/http/deadline.ts";
import { networkReason, retryAfter, serverWords } from "../lib/http/failure.ts";
import { AS_IT_IS, readText, unpackAnswer } from "../lib/http/read-answer.ts";
import { withoutSecrets } from "../lib/terminal/hidden-words.ts";
import { MIB } from "../lib/units.ts";

const CONNECT_TIMEOUT_MS = 10_000;
/** Largest answer, which is held in memory. 64 scores take 5 KB, a long answer about two images about 10 KB. */
const ANSWER_MAX_BYTES = 4 * MIB;

/** Programs in .NET write it before JSON. A reader may ignore it (RFC 8259 §8.1). */
const BYTE_ORDER_MARK = /^\uFEFF/;

export interface JudgeServerOptions {
  /** Sent with every request. They hold secrets, so they appear neither in messages nor in stored answers. */
  readonly headers: Readonly<Record<string, string>>;
  readonly connections: number;
  /** Limit for a request and its whole answer, ms. */
  readonly timeoutMs: number;
}

/** A JSON body whose length is known before its pieces are made, so that it is never in memory as a whole. */
export interface StreamedJson {
  readonly sizeBytes: number;
  readonly pieces: AsyncIterable<Uint8Array>;
}

export interface JudgeCall {
  readonly method: "GET" | "POST";
  readonly url: string;
  readonly json?: string | StreamedJson;
  readonly signal: AbortSignal;
}

export interface JudgeAnswer {
  readonly status: number;
  /** The body, with the values of our headers removed. */
  readonly text: string;
  /** How long the server asks us to wait, ms. Undefined if it does not say. */
  readonly retryAfterMs: number | undefined;
  /** The target of a redirect, without its query. */
  readonly location: string | undefined;
}

/** A client of the server of one judge. */
export interface JudgeServer {
  /**
   * Sends a request and returns the answer, whatever its status. Redirects are not followed. @throws {TransientError | FatalError} or the
   * abort reason.
   */
  ask(call: JudgeCall): Promise<JudgeAnswer>;
  close(): Promise<void>;
}

/** Returns true for any 2xx: some frameworks answer every POST with 201. */
export function isSuccess({ status }: Pick<JudgeAnswer, "status">): boolean {
  return status >= 200 && status < 300;
}

/** Creates a client. It connects with its first request. */
export function openJudgeServer({ headers, connections, timeoutMs }: JudgeServerOptions): JudgeServer {
  let agent: Agent | null = null;

  async function exchange(call: JudgeCall, deadline: Deadline): Promise<JudgeAnswer> {
    agent ??= new Agent({ connections, pipelining: 1, headersTimeout: 0, bodyTimeout: 0, connect: { timeout: CONNECT_TIMEOUT_MS } });
    const { signal } = deadline;
    const answer = await request(call.url, { dispatcher: agent, method: call.method, signal, ...bodyOf(call.json, headers) });
    const { text, isCut } = await readText(unpackAnswer(answer).body, { maxBytes: ANSWER_MAX_BYTES });
    if (isCut) throw new TransientError(`Cannot ${describe(call)}: the answer is longer than ${ANSWER_MAX_BYTES / 1024 / 1024} MiB`);
    const { location } = answer.headers;
    return {
      status: answer.statusCode,
      text: withoutSecrets(text.replace(BYTE_ORDER_MARK, ""), headers),
      retryAfterMs: retryAfter(answer.headers["retry-after"]),
      location: typeof location === "string" ? location.split(/[?#]/, 1)[0] : undefined,
    };
  }

  return {
    async ask(call) {
      using deadline = deadlineAfter(timeoutMs, call.signal);
      try {
        return await exchange(call, deadline);
      } catch (error) {
        call.signal.throwIfAborted();
        // From the store, which could not give an image that was to be sent.
        if (error instanceof TransientError || error instanceof FatalError) throw error;
        const why = deadline.isOver() ? `no whole answer within ${timeoutMs / 1_000} s (timeout_s)` : networkReason(error);
        throw new TransientError(`Cannot ${describe(call)}: ${why}`, { cause: error });
      }
    },
    async close() {
      await agent?.destroy();
    },
  };
}

function bodyOf(json: JudgeCall["json"], headers: Readonly<Record<string, string>>): Pick<Dispatcher.RequestOptions, "body" | "headers"> {
  const asked = { ...AS_IT_IS, ...headers };
  if (json === undefined) return { headers: asked };
  const own = { ...asked, "content-type": "application/json" };
  if (typeof json === "string") return { headers: own, body: json };
  return { headers: { ...own, "content-length": String(json.sizeBytes) }, body: Readable.from(json.pieces, { objectMode: false }) };
}

/** Returns `POST http://host/path` for messages. The configuration allows no query in a URL. */
function describe({ method, url }: JudgeCall): string {
  return `${method} ${url}`;
}

/**
 * Statuses below 500 that are temporary: Request Timeout, Too Early, Too Many Requests. Source: RFC 9110 §15.5.9, RFC 8470 §5.2, RFC 6585
 * §4.
 */
const TEMPORARY: ReadonlySet<number> = new Set([408, 425, 429]);

/** A request that failed, for the message. */
interface FailedRequest {
  /** What could not be done: `score 4 images with pickscore at http://host/score`. */
  readonly what: string;
  /** Name of the judge. */
  readonly judge: string;
}

/** Returns the error for an answer that is no success: FatalError if asking again cannot help, otherwise TransientError. */
export function createRefusalError({ what, judge }: FailedRequest, answer: JudgeAnswer): FatalError | TransientError {
  const { status, text, retryAfterMs } = answer;
  const words = serverWords(text);
  const message = `Cannot ${what}: ${status} ${STATUS_CODES[status] ?? ""}`.trimEnd() + (words === "" ? "" : `: ${words}`);
  if (status === 401 || status === 403 || status === 407) {
    return new FatalError(message, {
      hint: `the server asks for credentials: set the headers of the judge ${judge} in annotate.judges, with the secret as \${NAME} from the environment`,
    });
  }
  if (status >= 300 && status < 400) {
    return new FatalError(`Cannot ${what}: ${status}, it redirects to ${answer.location ?? "nowhere"}; redirects are not followed`, {
      hint: `put the final address into url of the judge ${judge}`,
    });
  }
  if (status >= 400 && status < 500 && !TEMPORARY.has(status)) {
    return new FatalError(message, {
      hint: `check url and settings of the judge ${judge} in annotate.judges; docs/judges.md says what is sent`,
    });
  }
  return new TransientError(message, retryAfterMs === undefined ? {} : { retryAfterMs });
}
