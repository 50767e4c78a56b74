import type { FastifyInstance, FastifyReply } from "fastify";
import { isDatabaseTrouble } from "../../db/is-database-trouble.ts";
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
/** The same trouble is told once in so long, ms: with 50 people it would fill the terminal. */
const TELL_EVERY_MS = 60_000;

/** What a request is answered with instead. */
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

export function sendError(reply: FastifyReply, { code, message, hint }: Pick<PageError, "code" | "message" | "hint">): FastifyReply {
  const body: ErrorAnswer = { error: code, message, hint };
  return reply.code(STATUS[code]).header("cache-control", "no-store").send(body);
}

/** Answers every error as api.ts says, and tells the terminal what the lead has to mend. */
export function answerErrors(app: FastifyInstance, { log, clock }: Pick<PageContext, "log" | "clock">): void {
  const toldMs = new Map<string, number>();

  function tell(message: string): void {
    const nowMs = clock.nowMs();
    if (Math.abs(nowMs - (toldMs.get(message) ?? -Infinity)) < TELL_EVERY_MS) return;
    if (toldMs.size > 100) toldMs.clear();
    toldMs.set(message, nowMs);
    log.warn(message);
  }

  app.setNotFoundHandler((_request, reply) => sendError(reply, new PageError("not-found", "Cannot show this: there is no such page")));
  app.setErrorHandler((error, _request, reply) => {
    if (error instanceof PageError) return sendError(reply, error);
    if (error instanceof TransientError || error instanceof FatalError || isDatabaseTrouble(error) || isAbort(error)) {
      tell(`Cannot answer the page for now: ${messageOf(error)}`);
      return sendError(
        reply,
        new PageError("unavailable", "Cannot do this for now: the store or the disk is in trouble", "try again later"),
      );
    }
    if (error instanceof RejectError) {
      tell(`Cannot show an image: ${error.message}`);
      return sendError(reply, new PageError("not-found", "Cannot show the image: the stored file is damaged", "skip the task"));
    }
    // Fastify's own: a body that is no JSON, too large, of another content type, sent too slowly.
    const status = error instanceof Error && "statusCode" in error && typeof error.statusCode === "number" ? error.statusCode : 500;
    if (status === 413)
      return sendError(reply, new PageError("too-large", "Cannot take this: it is too large", "send fewer votes at once"));
    if (status === 429) return sendError(reply, new PageError("too-many-requests", "Cannot answer so many requests", "wait a moment"));
    if (status >= 400 && status < 500)
      return sendError(reply, new PageError("bad-request", `Cannot read the request: ${messageOf(error)}`));
    log.error(`This is a bug in comfy-dpo: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    return sendError(reply, new PageError("internal", "Cannot do this: the server has a bug, which its terminal shows"));
  });
}
