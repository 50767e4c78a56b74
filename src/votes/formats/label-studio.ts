import { isJsonArray, isJsonObject, type Json } from "../../lib/exact-json.ts";
import { VoteError, type RawVote, bareName } from "../raw-vote.ts";
import type { PassedOver, ReadVotesOptions, VoteCandidate, VoteFormat } from "../vote-format.ts";
import { readAnswer, readRanking, type Outcome, candidatesOf, shownImages, wordOf, orderedPlaces } from "./read-answer.ts";
import { readRecords, type JsonRecord } from "./read-records.ts";

/**
 * Label Studio's JSON export: tasks with their annotations, whose results come from Pairwise, Ranker and Choices.
 * Source: labelstud.io/guide/task_format, /tags/choices, and the editor's Pairwise.js and Ranker.jsx (web/libs/editor/src/tags/control).
 */
export const labelStudioVotes: VoteFormat = {
  name: "label-studio",
  summary: "Label Studio's JSON or JSON_MIN export",
  unitOf: () => "line",
  recognises: ({ keys }) => isMinKeys(keys) || (keys.includes("data") && (keys.includes("annotations") || keys.includes("completions"))),
  async *candidates(file, head, options) {
    for await (const { record, ...place } of readRecords(file, head, options.signal))
      yield* candidatesOf(place, () => annotationsOf(taskOf(record()), options));
  },
};

function taskOf(record: JsonRecord): JsonRecord {
  return isMinKeys(Object.keys(record)) ? taskOfMin(record) : record;
}

/** @throws {VoteError} for a record that is no task. */
function* annotationsOf(task: JsonRecord, options: ReadVotesOptions): Generator<VoteCandidate["read"]> {
  const annotations = task["annotations"] ?? task["completions"];
  if (!isJsonArray(annotations)) throw new VoteError("bad-shape", "its annotations are no list");
  for (const annotation of annotations) yield () => readAnnotation(task, annotation, options);
  const drafts = isJsonArray(task["drafts"]) ? task["drafts"] : [];
  for (const _draft of drafts) yield () => "draft";
  if (annotations.length + drafts.length === 0) yield () => "no-answer";
}

function readAnnotation(task: JsonRecord, annotation: Json, { source }: ReadVotesOptions): RawVote | PassedOver {
  if (!isJsonObject(annotation)) throw new VoteError("bad-shape", "an annotation is no object");
  const data = task["data"];
  if (!isJsonObject(data)) throw new VoteError("bad-shape", "the task has no data");
  const shown = imagesOf(data);
  const results = isJsonArray(annotation["result"]) ? annotation["result"].filter(isJsonObject) : [];
  const outcome: Outcome | null = annotation["was_cancelled"] === true ? { kind: "skip", ranking: [] } : outcomeOf(results, shown);
  if (outcome === null) return "no-answer";
  const { id, lead_time: leadTimeS, created_at: createdAt } = annotation;
  if (typeof id !== "number" && typeof id !== "string") throw new VoteError("bad-shape", "an annotation has no id");
  return {
    voteId: `${source}:${id}`,
    annotator: annotatorOf(annotation["completed_by"]),
    criterion: textOr(data["criterion"]),
    promptKey: textOr(data["prompt_key"]),
    shown: [...shown.values()],
    ...outcome,
    flags: flagsOf(results, shown),
    durationMs: typeof leadTimeS === "number" && leadTimeS >= 0 ? Math.round(leadTimeS * 1_000) : null,
    castAtMs: typeof createdAt === "string" && !Number.isNaN(Date.parse(createdAt)) ? Date.parse(createdAt) : null,
  };
}

/** A Ranker's list, else the data's images. */
function imagesOf(data: JsonRecord): ReadonlyMap<string, string> {
  const items = Object.values(data).find(
    (value) => isJsonArray(value) && value.length > 0 && value.every((item) => isJsonObject(item) && "id" in item),
  );
  const listed = isJsonArray(items) ? items.filter(isJsonObject).map(({ id }) => bareName(wordOf(id))) : [];
  const shown = listed.length > 0 ? new Map(listed.map((id) => [id, id])) : shownImages(data);
  if (shown.size < 2) throw new VoteError("bad-shape", "the task's data names no two images by image_id, URI or SHA-256");
  return shown;
}

/** Returns the answer in an annotation's results, or null if they hold none. */
function outcomeOf(results: readonly JsonRecord[], shown: ReadonlyMap<string, string>): Outcome | null {
  const isSaid = results.some(({ type, from_name: name }) => type === "pairwise" || type === "ranker" || name === OUTCOME_NAME);
  const said = results.flatMap((result): Outcome[] => {
    const value = result["value"];
    if (!isJsonObject(value)) return [];
    if (result["type"] === "pairwise") return [readAnswer(wordOf(value["selected"]), inOrder(result, shown))];
    if (result["type"] === "ranker") return [rankingOf(value["ranker"], { name: wordOf(result["from_name"]), shown })];
    if (result["type"] !== "choices" || isFlags(result) || !isJsonArray(value["choices"])) return [];
    const answers = value["choices"].map(wordOf);
    // Beside what says the outcome, other Choices may ask anything: a reason, how sure one is.
    const isAside = isSaid && result["from_name"] !== OUTCOME_NAME && !answers.every((answer) => isAnswer(answer, shown));
    return isAside ? [] : answers.map((answer) => readAnswer(answer, shown));
  });
  const [first, ...others] = said;
  if (first === undefined) return null;
  if (others.some((other) => JSON.stringify(other) !== JSON.stringify(first)))
    throw new VoteError("contradiction", "its results disagree about the outcome");
  return first;
}

function isAnswer(label: string, shown: ReadonlyMap<string, string>): boolean {
  try {
    readAnswer(label, shown);
    return true;
  } catch (error) {
    if (error instanceof VoteError) return false;
    throw error;
  }
}

/**
 * Left and right are the names of `to_name`, in that order, where those are places of the data. The editor writes Pairwise's own name
 * there (Pairwise.js, updateResult), so that mostly the places' names must tell.
 */
function inOrder(result: JsonRecord, shown: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const names = wordOf(result["to_name"]).split(",");
  const placed = names.flatMap((name): (readonly [string, string])[] => {
    const image = shown.get(name.trim());
    return image === undefined ? [] : [[name.trim(), image]];
  });
  const told = placed.length === 2 ? placed.map(([, image]) => image) : orderedPlaces([...shown.keys()])?.map((place) => shown.get(place));
  const [left, right, third] = told ?? [];
  if (left !== undefined && right !== undefined && third === undefined)
    return new Map([
      ["left", left],
      ["right", right],
    ]);
  throw new VoteError(
    "bad-shape",
    `which of ${[...shown.keys()].join(", ")} is left cannot be told: call the data's keys image1 and image2, or left and right`,
  );
}

interface Ranker {
  readonly name: string;
  readonly shown: ReadonlyMap<string, string>;
}

/**
 * Ids in their new order: one list under the Ranker's own name, or alone. Lists under other names are buckets, whose meaning is unknown.
 */
function rankingOf(ranker: Json | undefined, { name, shown }: Ranker): Outcome {
  const order = isJsonObject(ranker) ? ranker[name] : ranker;
  if (!isJsonArray(order) || order.length === 0)
    throw new VoteError("bad-shape", "a Ranker's result is no single list: which of its buckets is the better one cannot be told");
  return readRanking(
    order.map((id) => [bareName(wordOf(id))]),
    shown,
  );
}

/** Our tasks ask for flags beside each image. */
function isFlags(result: JsonRecord): boolean {
  return wordOf(result["from_name"]).startsWith("flags_");
}

function flagsOf(results: readonly JsonRecord[], shown: ReadonlyMap<string, string>): Record<string, readonly string[]> {
  const flags: Record<string, readonly string[]> = {};
  for (const result of results.filter(isFlags)) {
    const image = shown.get(wordOf(result["from_name"]).slice("flags_".length));
    const choices = isJsonObject(result["value"]) ? result["value"]["choices"] : undefined;
    if (image !== undefined && isJsonArray(choices)) flags[image] = choices.map(wordOf);
  }
  return flags;
}

/** The user's id, or their address where the export has it. */
function annotatorOf(user: Json | undefined): string {
  if (isJsonObject(user)) return wordOf(user["email"] ?? user["id"] ?? "unknown");
  if (user === undefined || user === null) return "unknown";
  return typeof user === "string" ? user : `user ${wordOf(user)}`;
}

function textOr(value: Json | undefined): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

/** The name of the Choices in our tasks' configuration. */
const OUTCOME_NAME = "outcome";

/** Returns true if a record is of JSON_MIN: one annotation, its results beside the task's data. */
function isMinKeys(keys: readonly string[]): boolean {
  return keys.includes("annotation_id") && keys.includes("annotator");
}

/**
 * A record of Label Studio's JSON_MIN as the task of its JSON export. Results lost their type there: Pairwise and Ranker are known by their
 * form;
 * of Choices only ours are, by name, because any text of the data may look like a choice.
 * Source: label-studio-sdk 2.1, converter.py (convert_to_json_min) and utils.py (prettify_result).
 * @throws {VoteError} where an annotation holds nothing that is known.
 */
function taskOfMin(record: JsonRecord): JsonRecord {
  const { annotation_id: id = null, annotator = null, lead_time: leadTime = null, created_at: createdAt = null } = record;
  if (id === null) return { data: record, annotations: [] };
  const result = Object.entries(record).flatMap(([name, value]) => resultsOf(name, value));
  if (result.every(({ from_name: name }) => wordOf(name).startsWith("flags_"))) {
    throw new VoteError(
      "bad-shape",
      `JSON_MIN does not say which of its fields is the answer, and none is called ${OUTCOME_NAME}: export as JSON`,
    );
  }
  return { data: record, annotations: [{ id, completed_by: annotator, lead_time: leadTime, created_at: createdAt, result }] };
}

function resultsOf(name: string, value: Json): JsonRecord[] {
  const base = { from_name: name, to_name: name };
  const isChoices = name === OUTCOME_NAME || name.startsWith("flags_");
  if (isChoices && typeof value === "string") return [{ ...base, type: "choices", value: { choices: [value] } }];
  if (isChoices && isJsonObject(value)) return [{ ...base, type: "choices", value }];
  if (!isJsonArray(value)) return [];
  return value.filter(isJsonObject).flatMap((item) => {
    if ("selected" in item) return [{ ...base, type: "pairwise", value: item }];
    return "ranker" in item ? [{ ...base, type: "ranker", value: item }] : [];
  });
}
