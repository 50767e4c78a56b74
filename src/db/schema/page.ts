import { check, index, integer, real, sql, sqliteTable, text, uniqueIndex } from "../drizzle.ts";
import { prompts, votes } from "./tables.ts";
import { states } from "../states.ts";

// What the annotation page keeps beside the votes: who may vote, what is to be compared, who has which task. What people chose is in
// `votes`, as the importer writes it; which of those count is said in one place, the view `counted_votes` (see migrations/).

export const annotators = sqliteTable(
  "annotators",
  {
    annotatorId: integer("annotator_id").primaryKey(),
    /** As in votes.annotator. */
    name: text().notNull().unique(),
    role: text().notNull().default("annotator"),
    /** SHA-256 (hex) of the token in the personal link; null: has no link, or it was revoked. The token itself is nowhere. */
    tokenSha256: text("token_sha256").unique(),
    createdAtMs: integer("created_at_ms").notNull(),
    /** Last request, to the minute. */
    seenAtMs: integer("seen_at_ms"),
    /** Not null: they are given no tasks until they are let in again; their votes count. */
    pausedAtMs: integer("paused_at_ms"),
    /** Not null: their votes do not count. */
    excludedAtMs: integer("excluded_at_ms"),
    /** Not null: the name is a pseudonym, and nobody comes back under it. */
    forgottenAtMs: integer("forgotten_at_ms"),
  },
  () => [check("annotators_role", states("role", ["annotator", "lead"]))],
);

/** Prompts that were looked at for the page, and under which rules: other rules look again. */
export const pagePrompts = sqliteTable("page_prompts", {
  promptKey: text("prompt_key")
    .primaryKey()
    .references(() => prompts.promptKey),
  /** H{what of the configuration decides comparisons}; "" asks for another look. */
  rules: text().notNull(),
});

/** Images of one prompt that are to be compared, under one criterion. */
export const comparisons = sqliteTable(
  "comparisons",
  {
    comparison: integer().primaryKey(),
    promptKey: text("prompt_key")
      .notNull()
      .references(() => prompts.promptKey),
    criterion: text().notNull(),
    /** `task`, or `gold`: the answer is known. */
    kind: text().notNull(),
    /** JSON array of 2 to 4 image_ids, sorted. */
    images: text().notNull(),
    /** Of gold: JSON array of the image_ids that may be chosen as best. */
    expected: text(),
    /** `gold` for gold. `void`: no longer asked for, or an image is gone. */
    state: text().notNull(),
    /** Of a Swiss tournament, from 1; 1 for all else. */
    round: integer().notNull().default(1),
    /** Counted votes on exactly these images; skips are none. */
    answers: integer().notNull().default(0),
    /** How many there have to be: `overlap`, more while they are split. */
    wanted: integer().notNull(),
    /** Index of the criterion in the configuration: one criterion after the other. */
    criterionRank: integer("criterion_rank").notNull().default(0),
    /** Lower comes first among equally many answers. */
    priority: real().notNull(),
  },
  (table) => [
    index("comparisons_next").on(table.state, table.answers, table.criterionRank, table.priority, table.comparison, table.wanted),
    uniqueIndex("comparisons_images").on(table.promptKey, table.criterion, table.kind, table.images),
    check("comparisons_kind", states("kind", ["task", "gold"])),
    check("comparisons_state", states("state", ["open", "done", "disputed", "void", "gold"])),
    check("comparisons_expected", sql.raw("(kind = 'gold') = (expected is not null)")),
  ],
);

/** A comparison in one person's hands: leased, then answered, or back to the others. */
export const assignments = sqliteTable(
  "assignments",
  {
    /** Random, 128 bit. */
    taskId: text("task_id").primaryKey(),
    comparison: integer()
      .notNull()
      .references(() => comparisons.comparison),
    annotatorId: integer("annotator_id")
      .notNull()
      .references(() => annotators.annotatorId),
    /** `repeat`: answered before, asked again to see whether the answer is the same. */
    purpose: text().notNull(),
    /** JSON array of image_ids in the order shown. */
    shown: text().notNull(),
    state: text().notNull(),
    leasedUntilMs: integer("leased_until_ms").notNull(),
  },
  (table) => [
    // A person gets a comparison once for each purpose; also "what of this did I have?".
    uniqueIndex("assignments_person").on(table.annotatorId, table.comparison, table.purpose),
    index("assignments_held").on(table.annotatorId, table.state),
    index("assignments_comparison").on(table.comparison, table.state),
    check("assignments_purpose", states("purpose", ["task", "gold", "repeat"])),
    check("assignments_state", states("state", ["leased", "answered"])),
  ],
);

/** Votes that came from the page; each has its row in `votes`, which is never changed or deleted. */
export const pageVotes = sqliteTable(
  "page_votes",
  {
    voteId: text("vote_id")
      .primaryKey()
      .references(() => votes.voteId),
    taskId: text("task_id")
      .notNull()
      .references(() => assignments.taskId),
    comparison: integer()
      .notNull()
      .references(() => comparisons.comparison),
    annotatorId: integer("annotator_id")
      .notNull()
      .references(() => annotators.annotatorId),
    purpose: text().notNull(),
    /** What the browser sent: JSON {answer, flags, ms} with slots. The same vote_id with another is another vote. */
    entry: text().notNull(),
    /** What it says, so that votes on the same images can be compared: sorted image_ids at the top, `tie`, `both_bad` or `skip`. */
    outcome: text().notNull(),
    receivedAtMs: integer("received_at_ms").notNull(),
    /** Not null: taken back. */
    undoneAtMs: integer("undone_at_ms"),
  },
  (table) => [
    index("page_votes_annotator").on(table.annotatorId, table.undoneAtMs, table.receivedAtMs),
    index("page_votes_comparison").on(table.comparison),
    index("page_votes_task").on(table.taskId),
    check("page_votes_purpose", states("purpose", ["task", "gold", "repeat"])),
  ],
);
