import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { StoredImage } from "../../db/queries/page/page-images.ts";
import { readReferences, readShownImages } from "./tasks/compose-task.ts";
import { JOIN } from "./guard.ts";
import type { PageContext } from "./page-context.ts";
import { PageError } from "./page-error.ts";
import { isSameText, deriveSlot, hashToken } from "./secrets.ts";

/** A year, s. Browsers treat it as for ever, and the image of a slot never changes. */
const CACHE_S = 31_536_000;
/** Half a year, s: a personal link is opened once. */
const COOKIE_S = 15_552_000;

/** Adds the routes of joining, of the page's own files, and of images. */
export function addPageRoutes(app: FastifyInstance, context: PageContext): void {
  app.get<{ Params: { token: string } }>(`${JOIN}:token`, (request, reply) => join(request, reply, context));

  for (const [path, { bytes, contentType, isImmutable }] of context.files) {
    const cache = isImmutable ? `private, max-age=${CACHE_S}, immutable` : "no-cache";
    app.get(path, (_request, reply) => reply.header("cache-control", cache).type(contentType).send(bytes));
  }

  app.get<{ Params: { task: string; slot: string; size: string } }>("/pictures/:task/:slot/:size", (request, reply) =>
    serveImage(request, reply, context),
  );
}

type ImageRequest = FastifyRequest<{ Params: { task: string; slot: string; size: string } }>;

async function serveImage(request: ImageRequest, reply: FastifyReply, context: PageContext): Promise<FastifyReply> {
  const { task, slot, size } = request.params;
  const annotatorId = request.annotator?.annotatorId ?? 0; // 0 is nobody's id.
  const image = size === "thumb" || size === "full" ? findImage({ task, slot, annotatorId }, context) : null;
  if (image === null) throw new PageError("not-found", "Cannot show the image: this person has no such task or image");
  const etag = `"${slot}-${size}"`;
  const headers = { "cache-control": `private, max-age=${CACHE_S}, immutable`, etag };
  if (request.headers["if-none-match"] === etag) return reply.headers(headers).code(304).send();
  if (size === "thumb") {
    const { bytes, contentType } = await context.images.thumb(image);
    return reply.headers(headers).type(contentType).send(bytes);
  }
  const { stream, contentType } = await context.images.full(image, annotatorId);
  return reply.headers(headers).type(contentType).send(stream);
}

/** Moves the token from the address bar into a cookie. */
function join(request: FastifyRequest<{ Params: { token: string } }>, reply: FastifyReply, context: PageContext): FastifyReply {
  const { token } = request.params;
  reply.header("cache-control", "no-store");
  if (context.queries.annotators.findByToken(hashToken(token)) === null) return reply.redirect("/", 303);
  const isTls = context.publicUrl?.startsWith("https://") === true && new URL(context.publicUrl).host === request.headers.host;
  return reply
    .setCookie(context.cookieName, token, { path: "/", httpOnly: true, sameSite: "strict", secure: isTls, maxAge: COOKIE_S })
    .redirect("/", 303);
}

interface Asked {
  readonly task: string;
  readonly slot: string;
  readonly annotatorId: number;
}

/** Finds the image of a slot, for the person who was given the task alone. */
function findImage({ task, slot, annotatorId }: Asked, { queries, secret }: PageContext): StoredImage | null {
  const assignment = queries.assignments.find(task);
  if (assignment === null || assignment.annotatorId !== annotatorId) return null;
  const isAsked = (name: string): boolean => isSameText(deriveSlot(secret, { taskId: assignment.taskId, annotatorId, name }), slot);
  const imageId = readShownImages(assignment).find(isAsked);
  if (imageId !== undefined) return queries.images.image(imageId);
  const references = readReferences(queries.images.prompt(assignment.promptKey)?.references ?? "{}");
  const sha256 = references.find(isAsked);
  return sha256 === undefined ? null : queries.images.reference(sha256);
}
