import type { FastifyInstance, FastifyReply } from "fastify";
import { isDatabaseTrouble } from "../../db/database-error.ts";
import { FatalError, RejectError, TransientError, isAbort, messageOf } from "../../errors.ts";
import type { ErrorAnswer, ErrorCode } from "../api.ts";
import type { PageContext } from "./page-context.ts";

const STATUS: Readonly<Record<ErrorCode, number>> = {
  "bad-request": 400,
  "not-joined": 401,
  "not-lead": 403,
  "wrong-origin": 403,
  "not-found": 404,
  "too-large": 413,
  "too-many-requests": 429,
  internal: 500,
  unavailable: 503,
};
/** The same warning is logged once in this time, ms: with 50 people it would fill the terminal. */
const WARN_EVERY_MS = 60_000;

/** An error that is sent to the browser as an ErrorAnswer. */
export class PageError extends Error {
  override readonly name = "PageError";
  readonly code: ErrorCode;
  readonly hint: string | null;

  constructor(code: ErrorCode, message: string, hint: string | null = null) {
    super(message);
    this.code = code;
    this.hint = hint;
  }
}

/** Sends an error as the answer. */
function sendError(reply: FastifyReply, { code, message, hint }: Pick<PageError, "code" | "message" | "hint">): FastifyReply {
  const body: ErrorAnswer = { error: code, message, hint };
  return reply.code(STATUS[code]).header("cache-control", "no-store").send(body);
}

/** Answers every error as api.ts says, and logs what the lead has to fix. */
export function answerErrors(app: FastifyInstance, { log, clock }: Pick<PageContext, "log" | "clock">): void {
  const warnedMs = new Map<string, number>();

  function warnOnce(message: string): void {
    const nowMs = clock.nowMs();
    if (Math.abs(nowMs - (warnedMs.get(message) ?? -Infinity)) < WARN_EVERY_MS) return;
    if (warnedMs.size > 100) warnedMs.clear();
    warnedMs.set(message, nowMs);
    log.warn(message);
  }

  app.setNotFoundHandler((_request, reply) => sendError(reply, new PageError("not-found", "Cannot find this page")));
  app.setErrorHandler((error, _request, reply) => {
    if (error instanceof PageError) return sendError(reply, error);
    if (error instanceof TransientError || error instanceof FatalError || isDatabaseTrouble(error) || isAbort(error)) {
      warnOnce(`Cannot answer the page now: ${messageOf(error)}`);
      return sendError(reply, new PageError("unavailable", "Cannot do this now: the store or the disk does not work", "try again later"));
    }
    if (error instanceof RejectError) {
      warnOnce(`Cannot show an image: ${error.message}`);
      return sendError(reply, new PageError("not-found", "Cannot show the image: the stored file is damaged", "skip this task"));
    }
    // Fastify's own errors: a body that is not JSON, too large, of another content type, sent too slowly.
    const status = error instanceof Error && "statusCode" in error && typeof error.statusCode === "number" ? error.statusCode : 500;
    if (status === 413)
      return sendError(reply, new PageError("too-large", "Cannot accept this request: it is too large", "send fewer votes at once"));
    if (status === 429) return sendError(reply, new PageError("too-many-requests", "Cannot answer: too many requests", "wait a moment"));
    if (status >= 400 && status < 500)
      return sendError(reply, new PageError("bad-request", `Cannot read the request: ${messageOf(error)}`));
    log.error(`This is a bug in comfy-dpo: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    return sendError(reply, new PageError("internal", "Internal error. See the terminal that runs `annotate serve`."));
  });
}
