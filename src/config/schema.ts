import { z } from "zod";
import type { JsonObject } from "../lib/exact-json.ts";
import { SEED_MAX } from "../identity.ts";

/** The variant of images made elsewhere, which `harvest --adopt` takes; no variant of a configuration may have its name. */
export const ADOPTED_VARIANT = "adopted";

// The configuration as users write it. Keys, defaults and meaning: docs/reference/configuration.md, which is written from here. Every object is strict:
// an unknown key is an error. Descriptions end up in configs/schema.json, which editors show.

/** Names end up in messages, in folders and in every row. */
const NAME_CHARS_MAX = 128;
/** The dataset's is the start of every file name at a server, where the rest takes 80 of the 255 bytes that file systems allow. */
const DATASET_CHARS_MAX = 64;
/** More candidates of one prompt and variant are a slip of the pen: planning holds one prompt's seeds in memory. */
const PER_PROMPT_MAX = 100_000;

/** A day: timers of Node take no more than 2^31 ms. */
const TIMEOUT_MAX_S = 86_400;

// `patternErrorMessage` is what editors and our own messages say instead of the pattern.
const name = z
  .string()
  .max(NAME_CHARS_MAX)
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/)
  .meta({ patternErrorMessage: "letters, digits, '.', '_' or '-', a letter or digit first" });
const scalar = z.union([z.string(), z.number(), z.bigint(), z.boolean()]);
const count = z.int().min(1);
const headers = z
  .record(z.string(), z.string())
  .default({})
  .describe("sent with every request, never stored or shown; the place for secrets, as ${NAME}");
const text = z.string().min(1);

const prompts = z.strictObject({
  file: text.describe("txt, jsonl, json, csv, tsv or parquet; the text formats also as .gz"),
  prompt: z.string().default("prompt").describe("column or key of the text trained on"),
  send: z.string().optional().describe("column of the text sent to the model instead"),
  template: z.string().default("{prompt}").describe("around what is sent"),
  negative: z.string().optional().describe("column of the negative prompt"),
  id: z.string().optional().describe("column of your own key, kept as source_id"),
  columns: z.record(z.string(), z.string()).default({}).describe("bound name: column, per prompt"),
  keep: z.array(z.string()).default([]).describe("columns kept as row metadata"),
  limit: count.optional().describe("takes only the first so many prompts of the file"),
});

const place = z.union([text, z.array(text).min(1)]);

const workflow = z.strictObject({
  file: text.describe("API format, as ComfyUI exports it"),
  bind: z
    .strictObject({
      prompt: place.describe("input that takes the prompt; several inputs as a list; none where no node takes it"),
      seed: place.describe("input that takes the seed; several inputs as a list"),
    })
    .catchall(place)
    .describe("bound name: NODE_ID.input, title:TITLE#input or class:CLASS#input; prompt may be none"),
  outputs: z
    .array(z.union([z.string(), z.int()]))
    .optional()
    .describe("ids of the nodes whose images are taken; default: the only node that saves images"),
  allow_nodes: z
    .union([z.array(z.string()), z.literal("any")])
    .default(["core"])
    .describe("node classes that may run: core is ComfyUI's own; add the class of each custom node that you trust, or any"),
  uploads: z
    .record(z.string(), text)
    .default({})
    .describe("bound name: folder of the images that the column in prompts.columns names; sent to every server before they are used"),
});

const variant = z.strictObject({
  name: name.describe("stands in rows; lists in set add to it: sweep/cfg=5"),
  workflow: z.string().optional().describe("one of workflows; not needed where there is only one"),
  set: z
    .record(z.string(), z.union([scalar, z.array(scalar).min(1)]))
    .default({})
    .describe("bound name: value; a list makes one variant of each of its values, several lists multiply"),
  zip: z
    .array(z.array(z.string()).min(2))
    .default([])
    .describe("names in set whose lists go together: the first values of each, the second, …"),
});

const candidates = z.strictObject({
  per_prompt: count.max(PER_PROMPT_MAX).default(4).describe("seeds for each prompt and variant"),
  seeds: z
    .union([
      z.literal("derived"),
      z.array(z.union([z.int().min(0), z.bigint().min(0n).max(SEED_MAX)])).min(1),
      z.strictObject({ max: z.int().min(0).describe("derived seeds are no larger: for nodes that take less than 32 bits") }),
    ])
    .default("derived")
    .describe("derived: from the base seed and the prompt; a list: the same seeds for every prompt"),
  variants: z
    .array(variant)
    .min(1)
    .default([{ name: "base", set: {}, zip: [] }])
    .describe("settings to compare: each prompt runs with each of them"),
});

const server = z.strictObject({
  url: z.string().describe("one ComfyUI process, never a load balancer; a path before its API is fine: https://host/comfy"),
  headers,
  output_dir: z
    .string()
    .nullable()
    .default(null)
    .describe("where this server's output folder is on this machine, if it is: for harvest.reclaim and generate.min_free_disk_mb"),
  ca_file: z.string().nullable().default(null).describe("certificates (PEM) of an authority of your own"),
});

const generate = z.strictObject({
  window: count.default(2).describe("jobs in each server's queue at a time"),
  max_attempts: count.default(3).describe("runs of a job that fail before it counts as failed"),
  stall_timeout_s: z.number().positive().default(600).describe("without any progress for so long a server is left alone for a while"),
  probe_after_s: z
    .number()
    .positive()
    .default(60)
    .describe("a server left alone is tried again with one job after so long, then after twice as long, …"),
  min_free_vram_mb: z.number().min(0).default(0).describe("a server with less gets no new job; 0: not looked at"),
  min_free_ram_mb: z.number().min(0).default(0).describe("likewise"),
  min_free_disk_mb: z
    .number()
    .min(0)
    .default(2000)
    .describe("likewise, where servers[].output_dir says where its images lie on this machine"),
  give_up_s: z.number().positive().default(3600).describe("without any progress of the whole run for so long it ends with exit 1"),
  save_as: z.enum(["output", "temp"]).default("output").describe("temp: ComfyUI removes its files when it starts again"),
});

const harvest = z.strictObject({
  concurrency: count.default(16).describe("transfers at a time"),
  delete_history: z.boolean().default(true).describe("a server's history entry is deleted once its images are stored"),
  max_image_mb: z.number().positive().default(64).describe("larger files are rejected"),
  reclaim: z.boolean().default(false).describe("delete the original under servers[].output_dir once its image is stored"),
});

const store = z.strictObject({
  uri: z
    .string()
    .default("file:images")
    .describe("file:FOLDER, relative to dir, or s3://BUCKET/PREFIX; credentials come from the AWS chain"),
  endpoint: z.string().optional().describe("of a store that speaks S3 and is not AWS: http://127.0.0.1:8333"),
  region: z.string().optional().describe("default: as the AWS SDK finds it"),
  path_style: z.boolean().optional().describe("bucket in the path, not in the host name; default: true where there is an endpoint"),
  storage_class: z.string().optional().describe("as the store calls it: STANDARD_IA"),
  sse: z.string().optional().describe("server-side encryption: AES256, aws:kms"),
  tags: z.record(z.string(), z.string()).default({}).describe("set on every object"),
  metadata: z.enum(["keep", "strip"]).default("keep").describe("strip: texts, EXIF and XMP are taken out after they served to verify"),
});

const JUDGE_NAME = "stands in rows as judge:NAME, and in annotate.pairs.from";
const judge = z.discriminatedUnion("kind", [
  z.strictObject({ name: name.describe(JUDGE_NAME), kind: z.literal("builtin").describe("sharpness, contrast and entropy; no server") }),
  z.strictObject({
    name: name.describe(JUDGE_NAME),
    kind: z.literal("http").describe("a model behind an address of yours: docs/judges.md"),
    url: z.string().describe("where POST {prompt, images} answers {scores}: docs/judges.md"),
    version: text.default("1").describe("raise it with every change of the model: a new version scores anew"),
    send: z
      .enum(["b64", "url"])
      .default("b64")
      .describe("url: only where the images lie, as in exported rows; the server has to reach that itself"),
    headers,
    concurrency: count.default(8).describe("groups in flight"),
    timeout_s: z.number().positive().max(TIMEOUT_MAX_S).default(120).describe("for a whole request"),
  }),
  z.strictObject({
    name: name.describe(JUDGE_NAME),
    kind: z.literal("openai").describe("a vision model behind an OpenAI-compatible API"),
    url: z.string().describe("of an OpenAI-compatible API, up to /v1"),
    model: text.describe("as the API calls it"),
    mode: z.enum(["pointwise", "pairwise"]).default("pointwise").describe("a rating each, or which of two is better"),
    pairs: z
      .enum(["top-bottom", "all"])
      .default("top-bottom")
      .describe("pairwise: the best and the worst of a group by another judge, or every two; each in both orders"),
    by: name.optional().describe("that other judge; default: the first one of preference"),
    prompt_file: z.string().nullable().default(null).describe("instead of configs/judges/<mode>.txt; {prompt} is the image's prompt"),
    max_side: count.nullable().default(null).describe("larger images are sent smaller, as JPEG, px; null: as they are stored"),
    max_tokens: count.default(1024).describe("of one answer"),
    max_requests: count.optional().describe("in one run; the rest waits for the next"),
    headers,
    concurrency: count.default(8).describe("groups in flight"),
    timeout_s: z.number().positive().max(TIMEOUT_MAX_S).default(300).describe("for a whole request"),
  }),
]);

/** The flags with which people mark an image. */
export const FLAGS = ["nsfw", "artefact", "text", "duplicate", "corrupt"] as const;

const filters = z.strictObject({
  blank: z.boolean().default(true).describe("leaves out images of one colour"),
  same_pixels: z.boolean().default(true).describe("leaves out all but one of equal images"),
  near_duplicate: z.int().min(0).max(64).default(4).describe("perceptual hash distance of 64 bits; 0 turns it off"),
  flagged: z
    .union([z.boolean(), z.array(z.enum(FLAGS))])
    .optional()
    .describe(
      "flags of people that take an image out of every pair; other flags bar it from chosen only. true: any flag takes out; false: none does anything. Default [nsfw, corrupt]; of datasets from before that, true",
    ),
  flag_votes: count.default(1).describe("people who must agree on a flag of an image before it counts"),
  nsfw: z
    .strictObject({ judge: name.describe("of annotate.judges"), above: z.number().default(0.5).describe("a higher score drops the image") })
    .nullable()
    .default(null)
    .describe("a judge whose score says how unsafe an image is: dropped above this, and where it has no score"),
});

const combine = z
  .strictObject({
    method: z.enum(["rank-mean", "weights"]).default("rank-mean").describe("mean of ranks within the prompt, or a weighted sum of scores"),
    judges: z.array(text).min(1).optional().describe("of rank-mean; default: every judge that is not technical and no filter"),
    weights: z
      .record(z.string(), z.number().positive())
      .optional()
      .describe("of weights, judge: weight; scores count as z-scores within their prompt"),
  })
  .describe("how the source `combined` makes one ranking of several judges");

const people = z.strictObject({
  task: z
    .enum(["pair", "best", "best-worst", "rank"])
    .default("best")
    .describe("the question: which of two, the best, best and worst, an order"),
  prompts: z
    .union([z.literal("all"), count])
    .default("all")
    .describe("how many prompts people are asked about"),
  overlap: count.default(1).describe("votes by different people that every comparison gets"),
  max_votes: count.default(5).describe("votes that a comparison gets at most where people do not agree"),
  order: z
    .enum(["uncertain", "random", "swiss"])
    .default("uncertain")
    .describe("what is asked first: few votes and close scores; at random; or pairs by a Swiss tournament in each prompt"),
  gold: z.string().nullable().default(null).describe("JSONL of known answers, in the form of votes: docs/annotate.md"),
  gold_rate: z.number().min(0).max(1).default(0.05).describe("share of tasks whose answer is known"),
  repeat_rate: z.number().min(0).max(1).default(0.02).describe("share of tasks that come to the same person again"),
  host: z.string().default("127.0.0.1").describe("address that annotate serve listens on"),
  port: z.int().min(0).max(65_535).default(4180).describe("0: any free port"),
  public_url: z.string().nullable().default(null).describe("https address under which a proxy shows the page"),
  guidelines: z.string().nullable().default(null).describe("text file shown on the page"),
  cache_mb: z.int().min(16).default(1_024).describe("thumbnails kept below dir, at most"),
  language: z.enum(["en", "zh"]).default("en").describe("of the page, until a person chooses"),
});

export const pairsPolicySchema = z.strictObject({
  from: z
    .array(text)
    .min(1)
    .optional()
    .describe("sources in order, the first with a verdict decides; default: people, then the judges as listed"),
  policy: z
    .enum(["best-rest", "best-worst", "all", "adjacent"])
    .default("best-rest")
    .describe("the best over all others, over the worst, each over each that is worse, or each over the next"),
  across: z
    .union([
      z.enum(["any", "within"]),
      z.strictObject({
        chosen: z.array(z.string()).min(1).describe("variants whose images may be chosen"),
        rejected: z.array(z.string()).min(1).describe("variants whose images may be rejected"),
      }),
    ])
    .default("any")
    .describe("within: pairs of one variant only; or variants that may be chosen and rejected"),
  min_margin: z.number().min(0).default(0).describe("smallest difference of the two scores"),
  min_votes: count.default(1).describe("votes that a pair needs where people decide"),
  min_agreement: z.number().min(0).max(1).default(0).describe("share of these votes that agree"),
  max_per_prompt: count.default(1).describe("rows of one prompt; those with the largest margin stay"),
});

const annotate = z.strictObject({
  criteria: z.array(name).min(1).default(["overall"]).describe("people are asked under each; judges decide under the first alone"),
  judges: z
    .array(judge)
    .default([{ name: "quality", kind: "builtin" }])
    .describe("who scores images; technical ones link only where nothing else does"),
  filters: filters.prefault({}),
  combine: combine.prefault({}),
  people: people.prefault({}),
  pairs: z.record(name, pairsPolicySchema).prefault({ main: {} }).describe("named sets; one mapping alone is `main`"),
});

/** A card is read on one page. */
const SAMPLES_MAX = 24;

const share = z.number().min(0).default(0);

const exportSection = z.strictObject({
  pairs: z.string().default("main").describe("set of annotate.pairs whose rows are written"),
  uri: z.string().default("export").describe("a folder, relative to dir, or s3://BUCKET/PREFIX; versions v1, v2, … lie in it"),
  uri_base: z.string().nullable().default(null).describe("stands before the images' keys in rows instead of store.uri"),
  tables: z
    .array(z.enum(["default", "pairs", "rankings", "ties", "votes"]))
    .min(1)
    .default(["default"])
    .describe("a folder each; default is always written"),
  formats: z
    .array(z.enum(["jsonl", "parquet", "webdataset", "imagefolder", "winlose"]))
    .min(1)
    .default(["jsonl"])
    .describe("jsonl is always written; the others carry the images of every pair, a folder each"),
  images: z
    .strictObject({
      format: z
        .enum(["original", "jpeg", "webp", "png"])
        .default("original")
        .describe("original: the stored bytes without texts, EXIF and XMP"),
      quality: z.int().min(1).max(100).default(95).describe("of jpeg and webp"),
      max_side: count.nullable().default(null).describe("larger images are made smaller, px; null: as they are"),
    })
    .prefault({})
    .describe("for formats that carry images"),
  shards: z
    .union([z.literal("auto"), count])
    .default("auto")
    .describe("files of each split; auto: by its number of rows"),
  gzip: z.boolean().default(false).describe("writes .jsonl.gz"),
  splits: z
    .strictObject({
      train: share.describe("share of train, in proportion to the others"),
      validation: share.describe("share of validation"),
      test: share.describe("share of test"),
    })
    .optional()
    .describe("ratios by prompt; under 1,000 prompts all is train unless written here"),
  fields: z.enum(["full", "minimal"]).default("full").describe("minimal: prompt, and URI and seed of each image"),
  seed_format: z.enum(["number", "string"]).default("number").describe("string: for seeds above 2^53, which loaders round"),
  card: z
    .strictObject({
      license: z.string().nullable().default(null).describe("of the dataset: an SPDX name, such as cc-by-4.0"),
      license_link: z.string().nullable().default(null).describe("address of a license of your own"),
      authors: z
        .union([z.string(), z.array(z.string())])
        .nullable()
        .default(null)
        .describe("names on the card"),
      models: z.record(z.string(), z.string()).default({}).describe("model file: its licence, as the card tells it"),
      samples: z.int().min(0).max(SAMPLES_MAX).default(4).describe("pairs shown as small images, read from the store; 0: none"),
    })
    .prefault({})
    .describe("what the dataset's card says"),
});

export const configSchema = z.strictObject({
  dataset: z
    .string()
    .max(DATASET_CHARS_MAX)
    .regex(/^[a-z0-9][a-z0-9-]*$/)
    .meta({ patternErrorMessage: "lower-case letters, digits and '-', a letter or digit first" })
    .describe("name of the dataset: lower-case letters, digits and '-'"),
  dir: text.optional().describe("database, logs, local images and exports; default ../runs/<dataset>, relative to this file"),
  seed: z.union([z.int(), z.bigint()]).default(0).describe("base seed, from which each candidate's seed is derived"),
  prompts,
  workflow: workflow.optional(),
  workflows: z.record(name, workflow).optional().describe("several workflows by name, instead of one; each has the keys of workflow"),
  candidates: candidates.prefault({}),
  servers: z.array(server).min(1),
  generate: generate.prefault({}),
  harvest: harvest.prefault({}),
  store: store.prefault({}),
  annotate: annotate.prefault({}),
  export: exportSection.prefault({}),
});

/** The checked configuration, defaults filled in, paths as written. `loadConfig` resolves them. */
export type ConfigFile = z.output<typeof configSchema>;
export type WorkflowConfig = z.output<typeof workflow>;
export type VariantConfig = ConfigFile["candidates"]["variants"][number];
export type JudgeConfig = ConfigFile["annotate"]["judges"][number];

/** A named set of pairs, its sources filled in. */
export interface PairsPolicy extends z.output<typeof pairsPolicySchema> {
  /** `people`, `combined` or a judge's name; the first with a verdict decides. */
  from: string[];
}

/**
 * The configuration that the program works with: every path absolute, `workflows` always filled
 * (a lone `workflow` is the one named "main"), store and export URIs resolved.
 */
export interface Config extends Omit<ConfigFile, "workflow" | "workflows" | "dir" | "seed" | "annotate"> {
  /** Absolute path of the YAML file. */
  readonly configFile: string;
  /** Absolute. Database, logs, local images, local exports. */
  readonly dir: string;
  readonly seed: bigint;
  readonly workflows: Readonly<Record<string, WorkflowConfig>>;
  readonly annotate: Omit<ConfigFile["annotate"], "pairs"> & { readonly pairs: Readonly<Record<string, PairsPolicy>> };
  /** The file's own keys and values: before ${NAME} was replaced, without headers. What may be kept and shown. */
  readonly written: JsonObject;
}
