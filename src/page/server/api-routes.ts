import { DAY_MS } from "../../lib/units.ts";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { z } from "zod";
import type { AnnotatorRow } from "../../db/queries/page/annotators.ts";
import type {
  Answer,
  Flag,
  HistoryAnswer,
  LeadAnswer,
  SessionAnswer,
  TasksAnswer,
  VotesAnswer,
  TasksRequest,
  VotesRequest,
} from "../api.ts";
import { composeTask } from "./tasks/compose-task.ts";
import { CSP_REPORTS } from "./guard.ts";
import type { PageContext } from "./page-context.ts";
import { PageError } from "./page-error.ts";

const HISTORY_VOTES = 20;
/** Size limit of a browser's report. It is read and dropped. */
const REPORT_MAX_BYTES = 65_536;

/** Adds the routes under /api, as api.ts describes them. */
export function addApiRoutes(app: FastifyInstance, context: PageContext): void {
  const { session, commits, countProgress, giver, recorder } = context;
  app.addHook("onSend", async (_request, reply) => void reply.header("cache-control", "no-store"));

  app.get("/api/session", (request): SessionAnswer => {
    const { name, role, annotatorId } = requireAnnotator(request);
    return { ...session, annotator: name, role, progress: countProgress(annotatorId) };
  });

  app.post("/api/tasks", (request): Promise<TasksAnswer> => {
    const { annotatorId } = requireAnnotator(request);
    const asked = parseBody(request.body, tasksRequest);
    return commits(() => giver.give(annotatorId, asked)).then((given) => ({ ...given, progress: countProgress(annotatorId) }));
  });

  app.post("/api/votes", (request): Promise<VotesAnswer> => {
    const voter = requireAnnotator(request);
    const { entries } = parseBody(request.body, votesRequest);
    return commits(() => recorder.record(voter, entries)).then((results) => ({ results, progress: countProgress(voter.annotatorId) }));
  });

  app.get<{ Querystring: { before?: unknown } }>("/api/votes", (request): HistoryAnswer => {
    const { annotatorId } = requireAnnotator(request);
    return readHistory(annotatorId, parseBefore(request.query.before), context);
  });

  app.get("/api/lead", (request): Promise<LeadAnswer> => {
    if (requireAnnotator(request).role !== "lead") throw new PageError("not-lead", "Cannot show the overview: only the lead may see it");
    return context.countForLead();
  });

  app.addContentTypeParser(
    ["application/csp-report", "application/reports+json"],
    { parseAs: "string", bodyLimit: REPORT_MAX_BYTES },
    (_request, _body, done) => done(null),
  );
  app.post(CSP_REPORTS, (_request, reply) => {
    context.countCspReport();
    return reply.code(204).send();
  });
}

function readHistory(annotatorId: number, before: number, { queries, secret }: Pick<PageContext, "queries" | "secret">): HistoryAnswer {
  const rows = queries.votes.history(annotatorId, { before, limit: HISTORY_VOTES });
  const last = rows.at(-1);
  return {
    votes: rows.map(({ voteId, taskId, entry, receivedAtMs }) => {
      const assignment = queries.assignments.find(taskId);
      // The recorder wrote it, after it was checked.
      const { answer, flags } = JSON.parse(entry) as { answer: Answer; flags: Readonly<Record<string, readonly Flag[]>> };
      const task = assignment === null ? null : composeTask(assignment, { images: queries.images, secret });
      return { vote_id: voteId, answer, flags, task, cast_at_ms: receivedAtMs };
    }),
    next: rows.length < HISTORY_VOTES || last === undefined ? null : String(last.row),
  };
}

function parseBefore(before: unknown): number {
  if (before === undefined) return Number.MAX_SAFE_INTEGER;
  const row = typeof before === "string" && /^\d{1,15}$/.test(before) ? Number(before) : null;
  if (row === null) throw new PageError("bad-request", "Cannot read the request: `before` must be the `next` of an earlier answer");
  return row;
}

/** Returns who asks. The guard lets nobody else through. */
function requireAnnotator({ annotator }: FastifyRequest): AnnotatorRow {
  if (annotator === null) throw new PageError("not-joined", "Cannot answer: this browser has not opened a personal link");
  return annotator;
}

function parseBody<T>(body: unknown, schema: z.ZodType<T>): T {
  const { success, data, error } = schema.safeParse(body);
  if (success) return data;
  const [issue] = error.issues;
  throw new PageError(
    "bad-request",
    `Cannot read the request: ${issue?.path.join(".") ?? ""} ${issue?.message ?? "it does not match the schema"}`.trim(),
  );
}

// Schemas of the requests in api.ts. Bounds limit the work of one request.

/** Ids that secrets.ts creates, with room for longer ones. */
const opaque = z.string().regex(/^[\w-]{1,64}$/);
const FLAGS = ["nsfw", "artefact", "text", "duplicate", "corrupt"] as const;
/** Most images of a task. */
const SHOWN_MAX = 4;
/** A week: leaving a page open overnight is not an error. */
const MS_MAX = 7 * DAY_MS;

const answer = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("best"), best: opaque }),
  z.strictObject({ kind: z.literal("best-worst"), best: opaque, worst: opaque }),
  z.strictObject({
    kind: z.literal("ranking"),
    ranking: z.array(z.array(opaque).min(1).max(SHOWN_MAX)).min(1).max(SHOWN_MAX),
  }),
  z.strictObject({ kind: z.enum(["tie", "both-bad", "skip"]) }),
]);

const vote = z.strictObject({
  kind: z.literal("vote"),
  vote_id: z.uuid(),
  task_id: opaque,
  answer,
  flags: z.record(opaque, z.array(z.enum(FLAGS)).max(FLAGS.length)),
  ms: z.int().min(0).max(MS_MAX),
});

const undo = z.strictObject({ kind: z.literal("undo"), vote_id: z.uuid() });

const tasksRequest: z.ZodType<TasksRequest> = z.strictObject({
  holding: z.array(opaque).max(20),
  count: z.int().min(0).max(10),
});

const votesRequest: z.ZodType<VotesRequest> = z.strictObject({
  entries: z
    .array(z.discriminatedUnion("kind", [vote, undo]))
    .min(1)
    .max(100),
});
