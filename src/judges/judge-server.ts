import { Readable } from "node:stream";
import { Agent, type Dispatcher, request } from "undici";
import { FatalError, TransientError } from "../errors.ts";
import { type Deadline, deadlineAfter } from "../lib/http/deadline.ts";
import { networkReason, retryAfter, serverWords } from "../lib/http/failure.ts";
import { AS_IT_IS, readText, unpackAnswer } from "../lib/http/read-answer.ts";
import { withoutSecrets } from "../lib/terminal/hidden-words.ts";
import { MIB } from "../lib/units.ts";
import { STATUS_CODES } from "node:http";

const CONNECT_TIMEOUT_MS = 10_000;
/** Of one answer held in memory: 64 scores are 5 KB, a talkative model's word on two images some 10 KB. */
const ANSWER_MAX_BYTES = 4 * MIB;

/** Before JSON readers may ignore it: RFC 8259 §8.1. Programs in .NET write it. */
const BYTE_ORDER_MARK = /^\uFEFF/;

export interface JudgeServerOptions {
  /** On every request. Secrets: never in a message, nor in what is kept of an answer. */
  readonly headers: Readonly<Record<string, string>>;
  readonly connections: number;
  /** For the whole of a request and its answer, ms. */
  readonly timeoutMs: number;
}

/** JSON whose length is known before its pieces are made, so that no request is held in memory whole. */
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
  /** Without the values of our headers. */
  readonly text: string;
  /** Where the server asked to wait so long. */
  readonly retryAfterMs: number | undefined;
  /** Where it redirects to, without the query. */
  readonly location: string | undefined;
}

/** Requests to the server of one judge. */
export interface JudgeServer {
  /** The answer whatever its status; redirects are not followed. @throws {TransientError | FatalError} or the abort reason. */
  ask(call: JudgeCall): Promise<JudgeAnswer>;
  close(): Promise<void>;
}

/** Some frameworks answer every POST with 201. */
export function isSuccess({ status }: Pick<JudgeAnswer, "status">): boolean {
  return status >= 200 && status < 300;
}

/** Opens no connection before the first request. */
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
        // The store's word on an image that was to be sent.
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

/** `POST http://host/path`, for messages. The configuration allows no query in it. */
function describe({ method, url }: JudgeCall): string {
  return `${method} ${url}`;
}

/** Statuses under 500 that pass: Request Timeout, Too Early, Too Many Requests. Source: RFC 9110 §15.5.9, RFC 8470 §5.2, RFC 6585 §4. */
const PASSING: ReadonlySet<number> = new Set([408, 425, 429]);

/** What could not be done, in words, and for whom. */
interface Refused {
  /** `score 4 images with pickscore at http://host/score`. */
  readonly what: string;
  /** Of the configuration. */
  readonly judge: string;
}

/** What an answer means that is no success: FatalError where asking again cannot help, else TransientError. */
export function createRefusalError({ what, judge }: Refused, answer: JudgeAnswer): FatalError | TransientError {
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
  if (status >= 400 && status < 500 && !PASSING.has(status)) {
    return new FatalError(message, {
      hint: `check url and settings of the judge ${judge} in annotate.judges; docs/judges.md says what is sent`,
    });
  }
  return new TransientError(message, retryAfterMs === undefined ? {} : { retryAfterMs });
}
