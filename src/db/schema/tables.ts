import { check, index, integer, primaryKey, real, sql, sqliteTable, text, uniqueIndex } from "../drizzle.ts";
import { serverEpochs } from "./servers.ts";
import { states } from "../states.ts";

// One row per fact; states as text with CHECK; instants as epoch milliseconds. Seeds and free-form JSON are text: SQLite's
// own JSON functions and INTEGER columns lose the digits of 64-bit integers. Every table is STRICT (see migrations/).

/** -1: an image that was made elsewhere, and nothing says from which seed. */
const isSeed = (column: string) => sql.raw(`${column} = '-1' or (${column} not glob '*[^0-9]*' and length(${column}) between 1 and 20)`);

/** One row: which dataset this file holds and what was decided for ever. */
export const dataset = sqliteTable("dataset", {
  id: integer().primaryKey(),
  name: text().notNull(),
  /** Random UUID, made with the database: the dataset's identity, also in the identity file at the store's prefix. */
  datasetId: text("dataset_id").notNull(),
  /** Namespace of this database's prompt_ids, a random UUID: two databases of one dataset (shards) never share a prompt_id. */
  promptIdNamespace: text("prompt_id_namespace").notNull(),
  /** The set of default values that the dataset keeps: 0, made before migration 0008; 1, made since. */
  defaults: integer().notNull().default(0),
  /** The configuration last planned from, JSON without `${}` values. */
  config: text(),
  /** The place of the store, as it was last opened. An image's URI is this, a slash and its key. */
  storeUri: text("store_uri"),
  baseSeed: text("base_seed"),
  /** Hash of everything the plan was made from: planning again from the same changes nothing and is left out. */
  planFingerprint: text("plan_fingerprint"),
  /** 1: planned for the first prompts only (--prompts), the configuration asks for more. */
  planPartial: integer("plan_partial").notNull().default(0),
  /** JSON {train, validation, test}, decided at the first export, kept for ever. */
  splits: text(),
  createdAtMs: integer("created_at_ms").notNull(),
});

export const prompts = sqliteTable(
  "prompts",
  {
    /** H{text in NFC, negative, references, bound values}. */
    promptKey: text("prompt_key").primaryKey(),
    /** Order in the file, from 0; scheduling only. Negative: only adopted images have this prompt. */
    position: integer().notNull(),
    prompt: text().notNull(),
    /** The text that is sent to the model. */
    sent: text().notNull(),
    negative: text().notNull().default(""),
    /** Per-prompt bound values, JSON object. */
    bound: text().notNull().default("{}"),
    /** sha256 of reference files by bound name, JSON object. */
    references: text("reference_files").notNull().default("{}"),
    sourceId: text("source_id"),
    /** Kept columns, JSON object with sorted keys. */
    meta: text().notNull().default("{}"),
    /** 0: no longer in the configured file; set aside, not deleted. */
    active: integer().notNull().default(1),
    /** 1: adopted images have it, so that it stays active whatever the file says. */
    adopted: integer().notNull().default(0),
  },
  (table) => [index("prompts_position").on(table.position), check("prompts_active", sql.raw("active in (0, 1)"))],
);

/** Images that prompts come with, by content: once known, known for ever, so that old exports can still be verified. */
export const referenceFiles = sqliteTable(
  "reference_files",
  {
    sha256: text().primaryKey(),
    /** The format by the content of the file. */
    extension: text().$type<"png" | "jpg" | "webp">().notNull(),
    bytes: integer().notNull(),
    /** Key below the store's URI. Null until its bytes are there. */
    key: text(),
  },
  () => [
    check("reference_files_extension", states("extension", ["png", "jpg", "webp"])),
    check("reference_files_bytes", sql.raw("bytes > 0")),
  ],
);

/** The files that the last plan read. Length and time show whether one has to be hashed again. */
export const referencePaths = sqliteTable(
  "reference_paths",
  {
    /** Absolute, symbolic links followed. */
    path: text().primaryKey(),
    sha256: text()
      .notNull()
      .references(() => referenceFiles.sha256),
    modifiedAtMs: integer("modified_at_ms").notNull(),
  },
  (table) => [index("reference_paths_sha256").on(table.sha256)],
);

export const variants = sqliteTable(
  "variants",
  {
    /** Expanded: `sweep/guidance=2.5,lora=a`. */
    variant: text().primaryKey(),
    /** "" for images made elsewhere (`adopted/…`): nothing is ever run of it. */
    workflow: text().notNull(),
    /** Hash of the graph after `set`, without prompt, seed and prefix. */
    workflowSha256: text("workflow_sha256").notNull(),
    /** The graph after `set`, API format, verbatim 64-bit integers. */
    graph: text().notNull(),
    /** Everything around the graph in a wrapped file but `extra_data`, whose values may be secrets. JSON object. */
    wrapper: text().notNull().default("{}"),
    /** Resolved places, JSON {bound name: [[node_id, input], …]}. */
    bindings: text().notNull(),
    /** Output node ids, JSON array. */
    outputs: text().notNull(),
    /** Set values by bound name, JSON object. */
    params: text().notNull().default("{}"),
    /** Checkpoint, UNet, VAE and LoRA inputs: jobs with one signature run together. */
    loaderSignature: text("loader_signature").notNull().default(""),
    /** First checkpoint or UNet name, "" where none. */
    model: text().notNull().default(""),
    /**
     * `quarantined`: every server refused it. `paused`: its first images were all refused for one reason; `retry --variant` resumes it.
     * `inactive`: the configuration no longer asks for it.
     */
    state: text().notNull().default("active"),
    reason: text(),
    /** 1: some server has made an image of it. What never worked is at fault itself when it fails everywhere. */
    hasWorked: integer("has_worked").notNull().default(0),
  },
  () => [check("variants_state", states("state", ["active", "quarantined", "paused", "inactive"]))],
);

export const jobs = sqliteTable(
  "jobs",
  {
    /** H{prompt_key, variant, workflow_sha256, seed}: the candidate's identity. */
    job: text().primaryKey(),
    promptKey: text("prompt_key")
      .notNull()
      .references(() => prompts.promptKey),
    variant: text()
      .notNull()
      .references(() => variants.variant),
    /** Unsigned 64 bit, decimal; -1: unknown. */
    seed: text().notNull(),
    seedIndex: integer("seed_index").notNull(),
    /** Scheduling order: block of 64 prompts, loader signature, prompt, variant, seed. */
    position: integer().notNull(),
    state: text().notNull().default("planned"),
    /** 1: the configuration no longer asks for it (prompt, seed or variant removed). Kept, but neither run, linked nor exported. */
    inactive: integer().notNull().default(0),
    /** Counts submissions, from 1; part of prompt_id. Losses count here, not in `failures`. */
    attempt: integer().notNull().default(0),
    /** Number of errors that servers gave for this job. Only these count towards max_attempts. */
    failures: integer().notNull().default(0),
    /** Of the current attempt; committed before POST /prompt. */
    promptId: text("prompt_id"),
    server: text(),
    /** 1: POST /free and wait for an empty queue before submitting again (the node cache names a lost file). */
    freeFirst: integer("free_first").notNull().default(0),
    /** Closed list, see errors.ts; with `failed` only. */
    reason: text(),
    detail: text(),
    /** 1: the server's history entry is deleted. */
    historyDeleted: integer("history_deleted").notNull().default(0),
    submittedAtMs: integer("submitted_at_ms"),
    finishedAtMs: integer("finished_at_ms"),
    /** 1: made elsewhere. Never run, never set aside; its server's history is left alone. */
    adopted: integer().notNull().default(0),
  },
  (table) => [
    index("jobs_state_position").on(table.state, table.inactive, table.position, table.job),
    index("jobs_prompt").on(table.promptKey),
    index("jobs_server_state").on(table.server, table.state),
    uniqueIndex("jobs_prompt_id").on(table.promptId),
    check("jobs_state", states("state", ["planned", "submitted", "done", "failed"])),
    check("jobs_seed", isSeed("seed")),
    check("jobs_reason", sql.raw("(state = 'failed') = (reason is not null)")),
  ],
);

export const images = sqliteTable(
  "images",
  {
    /** H{candidate, output node, index in the batch}, from generation 1 on with the generation. */
    imageId: text("image_id").primaryKey(),
    job: text()
      .notNull()
      .references(() => jobs.job),
    promptKey: text("prompt_key").notNull(),
    promptId: text("prompt_id").notNull(),
    server: text().notNull(),
    attempt: integer().notNull(),
    nodeId: text("node_id").notNull(),
    batchIndex: integer("batch_index").notNull(),
    /** Raised by each `exclude --redo` of a stored image. */
    generation: integer().notNull().default(0),
    /** 1: `exclude --redo` replaced it; the next image of its candidate, node and batch index has the next generation. */
    replaced: integer().notNull().default(0),
    filename: text().notNull(),
    subfolder: text().notNull(),
    type: text().notNull(),
    state: text().notNull().default("listed"),
    reason: text(),
    detail: text(),
    /** Fetches that a server answered with a bad image in this attempt. */
    badFetches: integer("bad_fetches").notNull().default(0),
    /** Key below the store's URI. */
    key: text(),
    sha256: text(),
    bytes: integer(),
    format: text(),
    width: integer(),
    height: integer(),
    /** 1: stored without an embedded prompt that names this job. */
    unproven: integer().notNull().default(0),
    storedAtMs: integer("stored_at_ms"),
    /** The software and device that made the image. Null if not known. */
    epoch: text().references(() => serverEpochs.epoch),
  },
  (table) => [
    index("images_state").on(table.state, table.server),
    index("images_job").on(table.job),
    index("images_prompt").on(table.promptKey),
    index("images_sha256").on(table.sha256),
    check("images_state", states("state", ["listed", "stored", "rejected", "excluded"])),
    check("images_stored", sql.raw("state <> 'stored' or (key is not null and sha256 is not null and bytes > 0)")),
    check("images_rejected", sql.raw("state <> 'rejected' or reason is not null")),
  ],
);

/** Facts of one decode, made once per stored image. */
export const inspections = sqliteTable("inspections", {
  imageId: text("image_id")
    .primaryKey()
    .references(() => images.imageId),
  /** Null if the image could not be decoded. */
  pixelSha256: text("pixel_sha256"),
  perceptualHash: text("perceptual_hash"),
  width: integer(),
  height: integer(),
  lumaStd: real("luma_std"),
  sharpness: real(),
  entropy: real(),
  /** The reason why the image could not be decoded. */
  error: text(),
});

export const scores = sqliteTable(
  "scores",
  {
    imageId: text("image_id")
      .notNull()
      .references(() => images.imageId),
    judge: text().notNull(),
    version: text().notNull(),
    promptKey: text("prompt_key").notNull(),
    /** The dimension that the score is of; '' where the judge gives one score. */
    criterion: text().notNull().default(""),
    /** Null: the judge could not tell. */
    score: real(),
    sigma: real(),
    raw: text(),
  },
  (table) => [
    primaryKey({ columns: [table.imageId, table.judge, table.version, table.criterion] }),
    index("scores_prompt").on(table.promptKey),
  ],
);

export const votes = sqliteTable(
  "votes",
  {
    voteId: text("vote_id").primaryKey(),
    promptKey: text("prompt_key")
      .notNull()
      .references(() => prompts.promptKey),
    criterion: text().notNull(),
    annotator: text().notNull(),
    /** Images shown, in the order shown, JSON array of image_ids. */
    shown: text().notNull(),
    /** JSON array of arrays, best first; images of one inner array are tied. Empty: skipped. */
    ranking: text().notNull(),
    kind: text().notNull(),
    /** Flags by image_id, JSON object of arrays. */
    flags: text().notNull().default("{}"),
    /** Time that the person looked before choosing, ms, 0 to a day. Null if not known. */
    durationMs: integer("duration_ms"),
    castAtMs: integer("cast_at_ms"),
    /** `page`, `adjudication` (a lead settled a dispute), `gold`, `import`, or the format that it was imported from. */
    source: text().notNull(),
  },
  (table) => [
    index("votes_prompt").on(table.promptKey),
    check("votes_kind", states("kind", ["choice", "tie", "both_bad", "skip"])),
    check("votes_duration", sql.raw("duration_ms between 0 and 86400000")),
  ],
);

/**
 * Links of a named pair set: one row is one training row. Linking fills `place` in the order of the prompts. The one index is by hash: with
 * millions of links each of its pages is written for about one row.
 */
export const preferences = sqliteTable(
  "preferences",
  {
    place: integer().primaryKey(),
    pairSet: text("pair_set").notNull(),
    /** H{prompt_key, criterion, chosen, sorted rejected}. */
    rowId: text("row_id").notNull(),
    promptKey: text("prompt_key")
      .notNull()
      .references(() => prompts.promptKey),
    criterion: text().notNull(),
    /**
     * No foreign key, nor of the rejected: each image that is deleted would be looked for among all links. Linking takes away what is gone.
     */
    chosen: text().notNull(),
    /** `people`, `judge:<name>` or `combined`. */
    source: text().notNull(),
    margin: real(),
    agreement: real(),
    nVotes: integer("n_votes").notNull(),
    nCandidates: integer("n_candidates").notNull(),
    chosenScore: real("chosen_score"),
  },
  (table) => [uniqueIndex("preferences_prompt").on(table.promptKey, table.pairSet, table.rowId)],
);

/** Without a rowid: a link's images lie together, in the order of the links, and are found without an index. */
export const preferenceRejected = sqliteTable(
  "preference_rejected",
  {
    place: integer()
      .notNull()
      .references(() => preferences.place, { onDelete: "cascade" }),
    /** From 0, best loser first. */
    rank: integer().notNull(),
    imageId: text("image_id").notNull(),
    score: real(),
  },
  (table) => [primaryKey({ columns: [table.place, table.rank] })],
);

/** What linking left out, by reason. `unit` says whether an image, a pair or a whole prompt was dropped. */
export const drops = sqliteTable(
  "drops",
  {
    pairSet: text("pair_set").notNull(),
    promptKey: text("prompt_key").notNull(),
    criterion: text().notNull(),
    unit: text().notNull(),
    reason: text().notNull(),
    count: integer().notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.pairSet, table.promptKey, table.criterion, table.unit, table.reason] }),
    check("drops_unit", states("unit", ["image", "pair", "prompt"])),
  ],
);

export const exports = sqliteTable(
  "exports",
  {
    /** Where versions lie: a folder relative to the dataset's folder where it is inside, else absolute, or `s3://…`. */
    place: text().notNull(),
    version: text().notNull(),
    state: text().notNull(),
    /** `part`: only rows that an earlier version lacks. `trial`: of the first prompts only. Null: not determined yet. */
    kind: text(),
    /** Digest of the content, wherever the store lies; null: not computed yet. */
    contentSha256: text("content_sha256"),
    rows: integer(),
    createdAtMs: integer("created_at_ms").notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.place, table.version] }),
    check("exports_state", states("state", ["writing", "complete"])),
    check("exports_kind", states("kind", ["whole", "trial", "part"])),
  ],
);

/** Things counted that leave no other row: duplicate prompts, replaced surrogates, ambiguous submissions. */
export const counters = sqliteTable("counters", {
  name: text().primaryKey(),
  value: integer().notNull().default(0),
});
