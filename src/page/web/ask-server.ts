import type { ErrorAnswer, ErrorCode } from "../api.ts";

/** An answer that takes longer counts as none, ms. */
const TIMEOUT_MS = 15_000;

/** A request failed. `unreachable`: no answer, or one that is not from the server. */
export class AskError extends Error {
  override readonly name = "AskError";
  readonly code: ErrorCode | "unreachable";
  /** The Retry-After of the answer, ms. */
  readonly retryAfterMs: number | null;

  constructor(code: ErrorCode | "unreachable", message: string, retryAfterMs: number | null = null) {
    super(message);
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}

/** Sends GET, or POST if there is a body. @throws {AskError} for everything but a success. */
export async function askServer<Answer>(path: string, body?: object): Promise<Answer> {
  const { ok, status, headers, text } = await fetchText(path, body);
  const parsed = parse(text);
  // Both halves are compiled against api.ts, and this is a success of the same server.
  if (ok && parsed !== undefined) return parsed as Answer;
  const { error, message } = (parsed ?? {}) as Partial<ErrorAnswer>; // A proxy's page has neither.
  const retryAfterS = Number(headers.get("retry-after") ?? Number.NaN);
  throw new AskError(
    status === 401 ? "not-joined" : (error ?? "unreachable"),
    message ?? `${path} answered ${status}`,
    Number.isFinite(retryAfterS) ? retryAfterS * 1000 : null,
  );
}

async function fetchText(path: string, body: object | undefined) {
  try {
    const response = await fetch(path, {
      signal: AbortSignal.timeout(TIMEOUT_MS),
      cache: "no-store",
      ...(body === undefined ? {} : { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
    });
    return { ok: response.ok, status: response.status, headers: response.headers, text: await response.text() };
  } catch (error) {
    throw new AskError("unreachable", `${path}: ${String(error)}`);
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Shortest and longest wait between two attempts, ms: soon enough for a restart, and rare enough for fifty browsers at once. */
const FIRST_MS = 500;
const LONGEST_MS = 10_000;

/** Chooses the wait before the next attempt, ms: doubled with each failure in a row, at random between half and all of it. */
export function chooseBackOffMs(failures: number, random: () => number = Math.random): number {
  const wholeMs = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.max(0, failures - 1));
  return wholeMs * (0.5 + random() / 2);
}
