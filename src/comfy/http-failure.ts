import { STATUS_CODES, type IncomingHttpHeaders } from "node:http";
import { ConfigError, FatalError, TransientError, messageOf } from "../errors.ts";
import { networkCode, networkReason } from "../lib/network-reason.ts";
import { retryAfter } from "../lib/retry-after.ts";
import { isHtml, serverWords } from "../lib/server-words.ts";

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
  const words = serverWords(text);
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
  const code = networkCode(error);
  if (code === "UND_ERR_INVALID_ARG") {
    return new ConfigError(`Cannot ${what}: ${messageOf(error)}`, {
      hint: "look at servers[].headers: a line break in a value, often at the end of an environment variable, is not allowed",
      cause: error,
    });
  }
  return new TransientError(`Cannot ${what}: ${networkReason(error)}`, { cause: error });
}

/** An answer with status 200 that ComfyUI would not give. */
export function foreignAnswer(what: string, text: string): TransientError {
  const seen = isHtml(text) ? "it answers HTML" : `its answer is not ComfyUI's: ${text === "" ? "empty" : serverWords(text)}`;
  return new TransientError(`Cannot ${what}: ${seen}`, { hint: FOREIGN_HINT });
}

/** Queries of login pages hold tokens. */
function withoutQuery(location: string | undefined): string {
  return location?.split(/[?#]/, 1)[0] ?? "nowhere";
}
