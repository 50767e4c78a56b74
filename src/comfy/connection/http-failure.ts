import { type IncomingHttpHeaders, STATUS_CODES } from "node:http";
import { ConfigError, FatalError, messageOf, TransientError } from "../../errors.ts";
import { isHtml, networkCode, networkReason, retryAfter, serverWords } from "../../lib/http/failure.ts";

/** Hint where something else than ComfyUI seems to answer. */
export const FOREIGN_HINT = "is this really a ComfyUI server? Check the address and its path in servers[].url";

/** Statuses that ComfyUI never answers to our requests, apart from those that their callers handle. */
const FOREIGN_STATUSES: ReadonlySet<number> = new Set([400, 404, 405]);
/** Statuses that say "not now". Source: RFC 9110 §15.5.9, §15.6; RFC 8470; RFC 6585 §4. */
const BUSY_STATUSES: ReadonlySet<number> = new Set([408, 425, 429, 502, 503, 504]);
const CREDENTIALS_STATUSES: ReadonlySet<number> = new Set([401, 403, 407]);
const CREDENTIALS_HINT = "the server asks for credentials: set servers[].headers, with the secret as ${NAME} from the environment";
/** Codes of undici for answers that came, and are no HTTP that anybody could read. Its parser's own begin with HPE_. */
const UNREADABLE_CODES: ReadonlySet<string> = new Set(["UND_ERR_HEADERS_OVERFLOW", "UND_ERR_RES_CONTENT_LENGTH_MISMATCH"]);

export interface Refusal {
  /** `GET http://host/path`, without its query. */
  readonly what: string;
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** See Call. */
  readonly isAboutOne: boolean;
}

/**
 * Makes an error of an unexpected answer: FatalError where credentials are missing, otherwise TransientError. An answer about one item
 * blames no credentials: a firewall that dislikes one prompt answers 403, too.
 */
export function refusalOf({ what, status, headers, text, isAboutOne }: Refusal): FatalError | TransientError {
  const words = serverWords(text);
  const message = `Cannot ${what}: ${status} ${STATUS_CODES[status] ?? ""}`.trimEnd() + (words === "" ? "" : `: ${words}`);
  if (CREDENTIALS_STATUSES.has(status)) {
    return isAboutOne
      ? new TransientError(message, { answered: "refused", asksForCredentials: true, hint: CREDENTIALS_HINT })
      : new FatalError(message, { hint: CREDENTIALS_HINT });
  }
  if (status >= 300 && status < 400) {
    return new TransientError(`Cannot ${what}: ${status}, it redirects to ${withoutQuery(headers.location)}; redirects are not followed`, {
      answered: "refused",
      hint: "put the final address into servers[].url, and credentials into servers[].headers if it is a login page",
    });
  }
  const retryAfterMs = retryAfter(headers["retry-after"]);
  return new TransientError(message, {
    answered: BUSY_STATUSES.has(status) ? "busy" : "refused",
    ...(FOREIGN_STATUSES.has(status) ? { hint: FOREIGN_HINT } : {}),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

/** Makes an error of an exception of undici: ConfigError for headers that cannot be sent, otherwise TransientError. */
export function networkFailure(what: string, error: unknown): ConfigError | TransientError {
  const code = networkCode(error);
  if (code === "UND_ERR_INVALID_ARG") {
    return new ConfigError(`Cannot ${what}: ${messageOf(error)}`, {
      hint: "look at servers[].headers: a line break in a value, often at the end of an environment variable, is not allowed",
      cause: error,
    });
  }
  const isAnswer = UNREADABLE_CODES.has(code) || code.startsWith("HPE_");
  return new TransientError(`Cannot ${what}: ${networkReason(error)}`, { answered: isAnswer ? "refused" : "none", cause: error });
}

/** Makes an error of an answer with status 200 that ComfyUI would not give. */
export function foreignAnswer(what: string, text: string): TransientError {
  const seen = isHtml(text) ? "it answers HTML" : `its answer is not ComfyUI's: ${text === "" ? "empty" : serverWords(text)}`;
  return new TransientError(`Cannot ${what}: ${seen}`, { answered: "refused", hint: FOREIGN_HINT });
}

/** Queries of login pages hold tokens. */
function withoutQuery(location: string | undefined): string {
  return location?.split(/[?#]/, 1)[0] ?? "nowhere";
}
