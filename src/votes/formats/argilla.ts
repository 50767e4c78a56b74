import { isJsonArray, isJsonObject, type Json } from "../../lib/exact-json.ts";
import { VoteError, type RawVote, bareName } from "../raw-vote.ts";
import type { PassedOver, ReadVotesOptions, VoteCandidate, VoteFormat } from "../vote-format.ts";
import { readAnswer, readRanking, type Outcome, candidatesOf, shownImages, wordOf } from "./read-answer.ts";
import { readRecords, type JsonRecord } from "./read-records.ts";

/** The question under which our tasks ask for marks of images. */
const FLAGS_QUESTION = "flags";

/**
 * Argilla's records, nested (`to_json`) or flat (`to_list(flatten=True)`): questions answered by users. A label question says which image,
 * a ranking
 * question their order. Source: argilla 2.8, records/_io/_json.py and records/_resource.py (Record.to_dict).
 */
export const argillaVotes: VoteFormat = {
  name: "argilla",
  summary: "Argilla's records as JSON",
  unitOf: () => "line",
  recognises: ({ keys }) => isFlatKeys(keys) || (keys.includes("fields") && keys.includes("responses")),
  async *candidates(file, head, options) {
    for await (const { record, ...place } of readRecords(file, head, options.signal))
      yield* candidatesOf(place, () => responsesOf(recordOf(record()), options));
  },
};

function recordOf(record: JsonRecord): JsonRecord {
  return isFlatKeys(Object.keys(record)) ? nestedOf(record) : record;
}

interface Response {
  readonly question: string;
  readonly user: string;
  readonly value: Json;
  readonly status: string;
}

/** One vote a user and criterion. @throws {VoteError} for a record that is none. */
function* responsesOf(record: JsonRecord, options: ReadVotesOptions): Generator<VoteCandidate["read"]> {
  const responses = everyResponse(record["responses"]);
  const answers = responses.filter(({ question }) => question !== FLAGS_QUESTION);
  if (answers.length === 0) yield () => "no-answer";
  const groups = Map.groupBy(answers, ({ question, user }) =>
    JSON.stringify([user, options.criteria.includes(question) ? question : null]),
  );
  for (const group of groups.values()) yield () => readGroup(record, { group, responses, options });
}

function everyResponse(responses: Json | undefined): readonly Response[] {
  if (!isJsonObject(responses)) throw new VoteError("bad-shape", "its responses are no object of questions");
  return Object.entries(responses).flatMap(([question, list]) => {
    if (!isJsonArray(list)) throw new VoteError("bad-shape", `the responses to ${question} are no list`);
    return list.filter(isJsonObject).map(({ value = null, user_id: user = null, status = "submitted" }) => ({
      question,
      user: typeof user === "string" ? user : "unknown",
      value,
      status: wordOf(status),
    }));
  });
}

interface Group {
  readonly group: readonly Response[];
  readonly responses: readonly Response[];
  readonly options: ReadVotesOptions;
}

function readGroup(record: JsonRecord, { group, responses, options }: Group): RawVote | PassedOver {
  const [first, ...others] = group;
  if (first === undefined) return "no-answer";
  if (group.some(({ status }) => status === "draft")) return "draft";
  const { fields, metadata } = record;
  const shown = isJsonObject(fields) ? shownIn(fields) : new Map<string, string>();
  if (shown.size < 2) throw new VoteError("bad-shape", "the record's fields name no two images by image_id, URI or SHA-256");
  const outcome = outcomeOf(first, shown);
  if (others.some((other) => JSON.stringify(outcomeOf(other, shown)) !== JSON.stringify(outcome)))
    throw new VoteError("contradiction", `${first.user} answers ${group.map(({ question }) => question).join(" and ")} differently`);
  const said = { ...(isJsonObject(fields) ? fields : {}), ...(isJsonObject(metadata) ? metadata : {}) };
  const criterion = options.criteria.includes(first.question) ? first.question : textOr(said["criterion"]);
  const id = record["id"] ?? record["_server_id"];
  if (typeof id !== "string") throw new VoteError("bad-shape", "the record has no id");
  return {
    voteId: [options.source, id, first.user, criterion ?? ""].join(":"),
    annotator: first.user,
    criterion,
    promptKey: textOr(said["prompt_key"]),
    shown: [...shown.values()],
    ...outcome,
    flags: flagsOf(responses, { user: first.user, shown }),
    durationMs: null,
    castAtMs: null,
  };
}

/** Image fields hold an address, or an object with one. */
function shownIn(fields: JsonRecord): ReadonlyMap<string, string> {
  return shownImages(
    Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, isJsonObject(value) ? (value["url"] ?? null) : value])),
  );
}

function outcomeOf({ value, status }: Response, shown: ReadonlyMap<string, string>): Outcome {
  if (status === "discarded") return { kind: "skip", ranking: [] };
  if (typeof value === "string") return readAnswer(value, shown);
  if (!isJsonArray(value)) throw new VoteError("bad-shape", "an answer is neither a label nor a ranking");
  return readRanking(tiersOf(value), shown);
}

/** `["b", "a"]`, or `[{value: "b", rank: 1}, …]`, in which ranks may be equal. */
function tiersOf(value: readonly Json[]): readonly (readonly string[])[] {
  if (value.every((item) => typeof item === "string")) return value.map((item) => [bareName(item)]);
  const ranked = value.filter(isJsonObject).map(({ value: item, rank }) => ({ item: bareName(wordOf(item)), rank: Number(rank) }));
  if (ranked.length < value.length || ranked.some(({ rank }) => Number.isNaN(rank)))
    throw new VoteError("bad-shape", "a ranking has an item without a rank");
  const tiers = Map.groupBy(ranked, ({ rank }) => rank);
  return [...tiers].toSorted(([one], [other]) => one - other).map(([, items]) => items.map(({ item }) => item));
}

/** Labels such as `image_1: nsfw`. */
function flagsOf(
  responses: readonly Response[],
  { user, shown }: { readonly user: string; readonly shown: ReadonlyMap<string, string> },
): Record<string, readonly string[]> {
  const labels = responses
    .filter((response) => response.question === FLAGS_QUESTION && response.user === user && response.status === "submitted")
    .flatMap(({ value }) => (isJsonArray(value) ? value.map(wordOf) : []));
  const flags: Record<string, string[]> = {};
  for (const label of labels) {
    const [place = "", mark = ""] = label.split(":").map((part) => part.trim());
    const image = shown.get(place);
    if (image === undefined || mark === "") throw new VoteError("bad-shape", `the flag ${JSON.stringify(label)} is not IMAGE: MARK`);
    (flags[image] ??= []).push(mark);
  }
  return flags;
}

function textOr(value: Json | undefined): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

const RESPONSES = ".responses";

/** Returns true if records are flat: fields, metadata and answers side by side, with who answered and whether it is a draft. */
function isFlatKeys(keys: readonly string[]): boolean {
  return keys.some((key) => key.endsWith(`${RESPONSES}.users`));
}

/**
 * A flat record (`to_list(flatten=True)`) as a nested one, its answers with their status.
 * Source: argilla 2.8, records/_io/_generic.py (_record_to_dict).
 */
function nestedOf(record: JsonRecord): JsonRecord {
  const responses: Record<string, Json> = {};
  const fields: Record<string, Json> = {};
  for (const [key, value] of Object.entries(record)) {
    if (key.endsWith(RESPONSES)) responses[key.slice(0, -RESPONSES.length)] = answersOf(value, key, record);
    else if (!key.includes(`${RESPONSES}.`)) fields[key] = value;
  }
  return { id: record["id"] ?? null, _server_id: record["_server_id"] ?? null, fields, metadata: fields, responses };
}

function answersOf(values: Json, key: string, record: JsonRecord): Json {
  if (!isJsonArray(values)) return [];
  const column = (name: string): readonly Json[] => {
    const cells = record[`${key}.${name}`];
    return isJsonArray(cells) ? cells : [];
  };
  const [users, statuses] = [column("users"), column("status")];
  return values.map((value, index) => ({ value, user_id: users[index] ?? null, status: statuses[index] ?? "submitted" }));
}
