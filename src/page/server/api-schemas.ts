import { z } from "zod";
import type { TasksRequest, VotesRequest } from "../api.ts";

// The requests of api.ts, checked. Bounds keep a request's work bounded.

/** What tokens.ts makes, with room. */
const opaque = z.string().regex(/^[\w-]{1,64}$/);
const FLAGS = ["nsfw", "artefact", "text", "duplicate", "corrupt"] as const;
/** Images of a task. */
const SHOWN_MAX = 4;
/** A week: a page that was left open overnight is no mistake. */
const MS_MAX = 7 * 86_400_000;

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

export const tasksRequest: z.ZodType<TasksRequest> = z.strictObject({
  holding: z.array(opaque).max(20),
  count: z.int().min(0).max(10),
});

export const votesRequest: z.ZodType<VotesRequest> = z.strictObject({
  entries: z
    .array(z.discriminatedUnion("kind", [vote, undo]))
    .min(1)
    .max(100),
});
