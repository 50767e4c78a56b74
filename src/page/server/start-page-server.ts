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
/** A request whose head, or whole, has not arrived by then is given up, ms. */
const REQUEST_TIMEOUT_MS = 30_000;
/** How often that is looked at, ms. Node's own 30 s would let a slow request go on for twice its time. */
const TIMEOUT_CHECK_MS = 1_000;
/** A connection on which nothing moves, nor has to, is closed: somebody who stops reading holds no image open. ms. */
const STALLED_MS = 120_000;
/** Browsers open 6 each; a proxy that opens more than this has leaked them. */
const CONNECTIONS_MAX = 5_000;
/** The lead's name among the annotators. */
export const LEAD = "lead";

export interface PageServerOptions extends ServeAddress, Omit<PageContextOptions, "origins"> {
  /** 0 takes any free port. */
  readonly port: number;
  /** @default 30 s */
  readonly requestTimeoutMs?: number;
}

export interface PageServer {
  /** Where people open the page. */
  readonly url: string;
  /** Opens the page as the lead: a secret. */
  readonly leadUrl: string;
  /** Answers what has arrived, and nothing more. */
  close(): Promise<void>;
}

/** Starts the annotation page's server. @throws {FatalError} where the port cannot be had. */
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
  preparing.catch((error: unknown) => log.error(`This is a bug in comfy-dpo: ${messageOf(error)}`)); // Votes go on without it.
  return {
    url,
    leadUrl: `${url}${JOIN}${leadToken}`,
    async close() {
      closing.abort();
      await app.close();
      await preparing.catch(() => undefined); // It was told.
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
      EADDRINUSE: "another program has it: --port with another one, or 0 for any",
      EACCES: "ports below 1024 need rights: --port with a higher one",
      EADDRNOTAVAIL: "no network card of this machine has that address: --host with another one",
      ENOTFOUND: "no such name is known: --host with an address",
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
