import cookie from "@fastify/cookie";
import helmet from "@fastify/helmet";
import rateLimit from "@fastify/rate-limit";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { isDatabaseTrouble } from "../../db/database-error.ts";
import { unflushed } from "../../db/flushing.ts";
import type { PageContext } from "./page-context.ts";
import { PageError } from "./page-error.ts";
import { hashToken } from "./secrets.ts";
import { MINUTE_MS } from "../../lib/units.ts";

/** Requests from one address a minute. 50 people behind one address, who vote every 2 s, make 10,000. */
const PER_ADDRESS = 60_000;
/** Requests of one person a minute. A page that loads ahead for somebody who votes twice a second makes 1,000. */
const PER_PERSON = 6_000;
export const CSP_REPORTS = "/api/csp-reports";
export const JOIN = "/join/";

/** The page loads everything from this server, runs nothing inline, and cannot be framed. */
const CSP = {
  defaultSrc: ["'none'"],
  scriptSrc: ["'self'"],
  styleSrc: ["'self'"],
  imgSrc: ["'self'", "blob:"],
  connectSrc: ["'self'"],
  fontSrc: ["'self'"],
  manifestSrc: ["'self'"],
  workerSrc: ["'self'"],
  baseUri: ["'none'"],
  formAction: ["'none'"],
  frameAncestors: ["'none'"],
  reportUri: [CSP_REPORTS],
};

type GuardNeeds = Pick<PageContext, "db" | "clock" | "origins" | "publicUrl" | "cookieName"> & {
  readonly queries: Pick<PageContext["queries"], "annotators">;
};

/** Adds what runs before every route: security headers, rate limits, the check of Host and Origin, and who asks. */
export async function addGuard(app: FastifyInstance, { db, clock, origins, publicUrl, cookieName, queries }: GuardNeeds): Promise<void> {
  const isTls = publicUrl?.startsWith("https://") === true;
  await app.register(cookie);
  await app.register(helmet, {
    contentSecurityPolicy: { useDefaults: false, directives: CSP },
    strictTransportSecurity: isTls,
    referrerPolicy: { policy: "no-referrer" },
    xFrameOptions: { action: "deny" },
  });
  await app.register(rateLimit, { global: false });
  const addressLimit = app.createRateLimit({ max: PER_ADDRESS, timeWindow: MINUTE_MS });
  const personLimit = app.createRateLimit({
    max: PER_PERSON,
    timeWindow: MINUTE_MS,
    keyGenerator: ({ annotator }) => `person ${annotator?.annotatorId ?? 0}`,
  });
  const seenMs = new Map<number, number>();

  /** Not flushed, and a failure is ignored: an image must not fail because the disk is full. */
  function markSeen(annotatorId: number, nowMs: number): void {
    try {
      unflushed(db, () => queries.annotators.markSeen(annotatorId, nowMs));
    } catch (error) {
      if (!isDatabaseTrouble(error)) throw error;
    }
  }

  app.decorateRequest("annotator", null);
  app.addHook("onRequest", async (request, reply) => {
    refuseFlood(reply, await addressLimit(request));
    refuseOtherSites(request, origins());
    if (request.url.startsWith(JOIN)) return undefined;
    const token = request.cookies[cookieName];
    const annotator = token === undefined ? null : queries.annotators.findByToken(hashToken(token));
    if (annotator === null) return refuseStranger(request, reply, token !== undefined);
    request.annotator = annotator;
    refuseFlood(reply, await personLimit(request));
    const nowMs = clock.nowMs();
    if (Math.abs(nowMs - (seenMs.get(annotator.annotatorId) ?? 0)) < MINUTE_MS) return undefined;
    seenMs.set(annotator.annotatorId, nowMs);
    markSeen(annotator.annotatorId, nowMs);
    return undefined;
  });
}

function refuseFlood(reply: FastifyReply, limit: Awaited<ReturnType<ReturnType<FastifyInstance["createRateLimit"]>>>): void {
  if (limit.isAllowed || !limit.isExceeded) return;
  reply.header("retry-after", limit.ttlInSeconds);
  throw new PageError("too-many-requests", "Cannot answer: too many requests", "wait a moment");
}

/**
 * Refuses requests for another Host, which come by DNS rebinding, and requests that change something from another Origin, which come from
 * another site's page (CSRF). Browsers send Origin with every POST; if it is missing, Sec-Fetch-Site says who asks.
 */
function refuseOtherSites({ headers, method, url }: FastifyRequest, origins: ReadonlySet<string>): void {
  const isOwnHost = [...origins].some((origin) => new URL(origin).host === headers.host?.toLowerCase());
  if (!isOwnHost)
    throw new PageError(
      "wrong-origin",
      "Cannot answer under this host name: it is not one of this server's",
      "open the link exactly as you received it",
    );
  // The browser itself sends reports and may hide its origin. They are only counted.
  if (method === "GET" || method === "HEAD" || url === CSP_REPORTS) return;
  const site = headers["sec-fetch-site"];
  const isOwn = headers.origin === undefined ? site === undefined || site === "same-origin" : origins.has(headers.origin);
  if (!isOwn) throw new PageError("wrong-origin", "Cannot accept this request: it comes from another site's page");
}

function refuseStranger({ url, headers }: FastifyRequest, reply: FastifyReply, hadToken: boolean): FastifyReply {
  if (url !== "/" && url !== "/lead") {
    throw new PageError(
      "not-joined",
      hadToken
        ? "Cannot answer: your link was revoked, or replaced by a newer one"
        : "Cannot answer: this browser has not opened a personal link",
      "open your personal link again, or ask for a new one. Votes that were not sent are kept in this browser",
    );
  }
  // Somebody followed a link on another site. Browsers do not send SameSite=Strict cookies then, so the answer asks again from this site.
  const comesFromOutside = headers["sec-fetch-site"] === "cross-site";
  const page = renderNotJoinedPage({ retry: comesFromOutside && !hadToken, wasRevoked: hadToken });
  return reply.code(401).header("cache-control", "no-store").type("text/html; charset=utf-8").send(page);
}

export interface NotJoined {
  /** The page reloads itself once, from this site. */
  readonly retry: boolean;
  /** The request had a token that is no longer valid. */
  readonly wasRevoked: boolean;
}

/**
 * Renders the page for somebody without a valid cookie, in both languages. It has no script and no style, because the policy allows none
 * inline.
 */
function renderNotJoinedPage({ retry, wasRevoked }: NotJoined): string {
  const [english, chinese] = wasRevoked
    ? [
        "Your link no longer works: it was revoked, or replaced by a newer one. Ask whoever invited you for a new one.",
        "您的链接已失效(已撤销或已更换)。请向邀请您的人索取新链接。",
      ]
    : [
        "Open the personal link that you were given. If you have none, ask whoever runs this page for one.",
        "请打开发给您的个人链接;如果没有,请向页面管理员索取。",
      ];
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">${retry ? '<meta http-equiv="refresh" content="0;url=/">' : ""}<title>Annotation</title></head>
<body><main><h1>401</h1><p>${english}</p><p lang="zh">${chinese}</p></main></body>
</html>
`;
}
