import { createHash } from "node:crypto";
import { basename } from "node:path";
import { canonicalJson, isJsonArray, isJsonObject, type Json, type JsonObject } from "../lib/exact-json.ts";
import type { Config, JudgeConfig, WorkflowConfig } from "./schema.ts";

/**
 * SHA-256 (hex) of what decides a dataset's content. Left out: servers, dir, timeouts, concurrency, how people are asked (their votes
 * are data), where judges run and exports go. A path counts by its file name, a value with ${NAME} in it as written.
 */
export function configHash(config: Config): string {
  const { uri: _where, ...exported } = config.export;
  const parts = {
    dataset: config.dataset,
    seed: config.seed,
    prompts: { ...config.prompts, file: basename(config.prompts.file) },
    workflows: Object.fromEntries(Object.entries(config.workflows).map(([name, workflow]) => [name, workflowParts(workflow)])),
    candidates: config.candidates,
    harvest: { max_image_mb: config.harvest.max_image_mb },
    store: { uri: config.store.uri.startsWith("file:") ? basename(config.store.uri) : config.store.uri, metadata: config.store.metadata },
    annotate: {
      criteria: config.annotate.criteria,
      judges: config.annotate.judges.map(judgeParts),
      filters: filterParts(config.annotate.filters),
      combine: config.annotate.combine,
      pairs: config.annotate.pairs,
    },
    export: exported,
  };
  const { workflow, ...written } = config.written;
  const sameShape = workflow === undefined ? written : { ...written, workflows: { main: workflow } };
  // zod has checked it: JSON values and bigints. Keys that hold undefined are canonical as null.
  const told = asWritten(parts as unknown as Json, sameShape);
  return createHash("sha256").update(canonicalJson(told), "utf8").digest("hex");
}

/** Keys that are newer than datasets count only where they are written: an update changes no hash. */
function filterParts({ flagged = true, flag_votes: people, ...filters }: Config["annotate"]["filters"]) {
  return { ...filters, flagged, ...(people === 1 ? {} : { flag_votes: people }) };
}

function workflowParts({ file, uploads, ...workflow }: WorkflowConfig) {
  return { ...workflow, file: basename(file), uploads: Object.keys(uploads).toSorted() };
}

function judgeParts(judge: JudgeConfig) {
  if (judge.kind === "builtin") return judge;
  if (judge.kind === "http") return { name: judge.name, kind: judge.kind, version: judge.version };
  const { name, kind, model, mode, pairs, by, prompt_file: prompt, max_side } = judge;
  return { name, kind, model, mode, pairs, by: by ?? null, prompt_file: prompt === null ? null : basename(prompt), max_side };
}

/** `value`, but for what the file gives by ${NAME}: that text instead, so that equal files have equal hashes on every machine. */
function asWritten(value: Json, written: Json | undefined): Json {
  if (typeof written === "string" && written.includes("${")) return written;
  if (isJsonArray(value) && isJsonArray(written)) return value.map((item, index) => asWritten(item, written[index]));
  if (!isJsonObject(value) || !isJsonObject(written)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]): [string, Json] => [key, asWritten(item, own(written, key))]));
}

function own(object: JsonObject, key: string): Json | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}
