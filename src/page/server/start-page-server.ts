import fastify, { type FastifyInstance } from "fastify";
import { annotatorQueries } from "../../db/queries/page/annotators.ts";
import { FatalError, messageOf } from "../../errors.ts";
import { errnoOf } from "../../lib/files/file-problem.ts";
import { listOwnOrigins, buildPageUrl, type ServeAddress } from "./addresses.ts";
import { addApiRoutes } from "./api-routes.ts";
import { addGuard, JOIN } from "./guard.ts";
import { limitConnections } from "./limit-connections.ts";
import { openPageContext, type PageContextNeeds, type PageContextOptions } from "./page-context.ts";
import { answerErrors } from "./page-error.ts";
import { addPageRoutes } from "./page-routes.ts";
import { prepareAhead } from "./images/prepare-ahead.ts";
import { deriveLeadToken, hashToken } from "./secrets.ts";

/** A hundred votes with every flag are 60 kB. */
const BODY_MAX_BYTES = 262_144;
/** A request that has not arrived completely in this time is given up, ms. */
const REQUEST_TIMEOUT_MS = 30_000;
/** Interval of that check, ms. With Node's default of 30 s a slow request could take twice its time. */
const TIMEOUT_CHECK_MS = 1_000;
/** A connection without traffic is closed after this time, ms, so that somebody who stops reading holds no image open. */
const STALLED_MS = 120_000;
/** Browsers open 6 each. A proxy that opens more than this has leaked them. */
const CONNECTIONS_MAX = 5_000;
/** The lead's name in the table of annotators. */
export const LEAD = "lead";

export interface PageServerOptions extends ServeAddress, Omit<PageContextOptions, "origins"> {
  /** 0 takes any free port. */
  readonly port: number;
  /** @default 30 s */
  readonly requestTimeoutMs?: number;
}

export interface PageServer {
  /** Address at which people open the page. */
  readonly url: string;
  /** Opens the page as the lead. A secret. */
  readonly leadUrl: string;
  /** Answers the requests that have arrived, and accepts no more. */
  close(): Promise<void>;
}

/** Starts the annotation page's server. @throws {FatalError} if it cannot listen on the port. */
export async function startPageServer(needs: PageContextNeeds, options: PageServerOptions): Promise<PageServer> {
  const { db, clock, log } = needs;
  const leadToken = deriveLeadToken(options.secret);
  annotatorQueries(db).setToken(LEAD, { role: "lead", tokenSha256: hashToken(leadToken), nowMs: clock.nowMs() });
  let origins: ReadonlySet<string> = new Set();
  const context = await openPageContext(needs, { ...options, origins: () => origins });

  const requestTimeout = options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS;
  const timeouts = { requestTimeout, connectionTimeout: STALLED_MS };
  const http = { headersTimeout: requestTimeout, requestTimeout, connectionsCheckingInterval: Math.min(TIMEOUT_CHECK_MS, requestTimeout) };
  const app = fastify({ bodyLimit: BODY_MAX_BYTES, ...timeouts, http, forceCloseConnections: "idle", logger: false });
  app.server.maxConnections = CONNECTIONS_MAX;
  const connections = limitConnections(app.server);
  answerErrors(app, { log, clock });
  await addGuard(app, context);
  app.addHook("onRequest", async ({ annotator, raw }) => {
    if (annotator !== null) connections.markKnown(raw.socket);
  });
  await app.register(async (scope) => addApiRoutes(scope, context));
  await app.register(async (scope) => addPageRoutes(scope, context));
  const port = await listen(app, options);
  origins = listOwnOrigins(options, port);
  const url = buildPageUrl(options, port);
  const closing = new AbortController();
  const preparing = prepareAhead({ ...context.queries, stored: context.queries.images, images: context.images, clock }, closing.signal);
  preparing.catch((error: unknown) => log.error(`This is a bug in comfy-dpo: ${messageOf(error)}`)); // Voting works without it.
  return {
    url,
    leadUrl: `${url}${JOIN}${leadToken}`,
    async close() {
      closing.abort();
      await app.close();
      await preparing.catch(() => undefined); // It was logged.
    },
  };
}

async function listen(app: FastifyInstance, { host, port }: Pick<PageServerOptions, "host" | "port">): Promise<number> {
  try {
    await app.listen({ host, port });
  } catch (error) {
    await app.close();
    const code = errnoOf(error);
    const hints: Readonly<Record<string, string>> = {
      EADDRINUSE: "another program uses this port. Choose another with --port, or 0 for any free one",
      EACCES: "ports below 1024 need more rights. Choose a higher one with --port",
      EADDRNOTAVAIL: "this machine does not have that address. Choose another with --host",
      ENOTFOUND: "this name is unknown. Give an address with --host",
    };
    const hint = hints[code ?? ""];
    throw new FatalError(`Cannot serve the page on ${host}:${port}: ${messageOf(error)}`, {
      cause: error,
      ...(hint === undefined ? {} : { hint }),
    });
  }
  const address = app.server.address();
  return typeof address === "object" && address !== null ? address.port : port;
}
