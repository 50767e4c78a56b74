import { STATUS_CODES, type IncomingHttpHeaders } from "node:http";
import { ConfigError, FatalError, TransientError, messageOf } from "../errors.ts";

/** Of a server's words in a message, characters. */
const WORDS_CHARS = 300;

/** Shown where something else than ComfyUI seems to answer. */
export const FOREIGN_HINT = "is this really a ComfyUI server? Check the address and its path in servers[].url";

/** What ComfyUI never answers to our requests, apart from those that their callers read. */
const FOREIGN_STATUSES: ReadonlySet<number> = new Set([400, 404, 405]);

export interface Refusal {
  /** `GET http://host/path`, without its query. */
  readonly what: string;
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** What an answer means that is not the one hoped for: FatalError where credentials are missing, else TransientError. */
export function refusalOf({ what, status, headers, text }: Refusal): FatalError | TransientError {
  const words = wordsOf(text);
  const message = `Cannot ${what}: ${status} ${STATUS_CODES[status] ?? ""}`.trimEnd() + (words === "" ? "" : `: ${words}`);
  if (status === 401 || status === 403 || status === 407) {
    return new FatalError(message, {
      hint: "the server asks for credentials: set servers[].headers, with the secret as ${NAME} from the environment",
    });
  }
  if (status >= 300 && status < 400) {
    return new TransientError(`Cannot ${what}: ${status}, it redirects to ${withoutQuery(headers.location)}; redirects are not followed`, {
      hint: "put the final address into servers[].url, and credentials into servers[].headers if it is a login page",
    });
  }
  const retryAfterMs = retryAfter(headers["retry-after"]);
  return new TransientError(message, {
    ...(FOREIGN_STATUSES.has(status) ? { hint: FOREIGN_HINT } : {}),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

/** What an exception of undici means: ConfigError for headers that cannot be sent, else TransientError. */
export function networkFailure(what: string, error: unknown): ConfigError | TransientError {
  const code = codeOf(error);
  if (code === "UND_ERR_INVALID_ARG") {
    return new ConfigError(`Cannot ${what}: ${messageOf(error)}`, {
      hint: "look at servers[].headers: a line break in a value, often at the end of an environment variable, is not allowed",
      cause: error,
    });
  }
  return new TransientError(`Cannot ${what}: ${networkReason(error)}`, { cause: error });
}

/** Why a connection failed, in words. */
export function networkReason(error: unknown): string {
  const words: Readonly<Record<string, string>> = {
    ECONNREFUSED: "connection refused; nothing listens there",
    ECONNRESET: "the connection was reset",
    ENOTFOUND: "no such host",
    EAI_AGAIN: "the name service does not answer",
    UND_ERR_CONNECT_TIMEOUT: "no connection in time",
    UND_ERR_HEADERS_TIMEOUT: "no answer in time",
    UND_ERR_BODY_TIMEOUT: "the answer stopped coming",
    UND_ERR_SOCKET: "the connection was closed in the middle",
  };
  return words[codeOf(error)] ?? messageOf(error);
}

/** An answer with status 200 that ComfyUI would not give. */
export function foreignAnswer(what: string, text: string): TransientError {
  const seen = isHtml(text) ? "it answers HTML" : `its answer is not ComfyUI's: ${text === "" ? "empty" : wordsOf(text)}`;
  return new TransientError(`Cannot ${what}: ${seen}`, { hint: FOREIGN_HINT });
}

export function isHtml(text: string): boolean {
  return /^\s*</.test(text);
}

/** A server's words on one line: of a page its title, cut to a length. */
export function wordsOf(text: string): string {
  const words = isHtml(text) ? (/<title[^>]*>([^<]*)/i.exec(text.slice(0, 10_000))?.[1] ?? "") : text.slice(0, 10 * WORDS_CHARS);
  const line = words.trim().replaceAll(/\s+/g, " ");
  return line.length > WORDS_CHARS ? `${line.slice(0, WORDS_CHARS)}…` : line;
}

/** Retry-After in seconds or as a date, ms from now. Source: RFC 9110 §10.2.3. */
function retryAfter(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const ms = /^\d+$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}

/** Queries of login pages hold tokens. */
function withoutQuery(location: string | undefined): string {
  return location?.split(/[?#]/, 1)[0] ?? "nowhere";
}

/** The system's or undici's code; a failure on several addresses hides it in an AggregateError. */
function codeOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors[0]);
  return error instanceof Error && "code" in error ? String(error.code) : "";
}
