import { isJsonArray, isJsonObject, type Json } from "../../lib/exact-json.ts";
import { VoteError } from "../raw-vote.ts";
import type { JsonRecord } from "./read-records.ts";

/** The name of the Choices in our tasks' configuration. */
export const OUTCOME_NAME = "outcome";

/** Whether a record is of JSON_MIN: one annotation, its results beside the task's data. */
export function isMinKeys(keys: readonly string[]): boolean {
  return keys.includes("annotation_id") && keys.includes("annotator");
}

/**
 * A record of Label Studio's JSON_MIN as the task of its JSON export. Results lost their type there: Pairwise and Ranker are known by their form;
 * of Choices only ours are, by name, because any text of the data may look like a choice.
 * Source: label-studio-sdk 2.1, converter.py (convert_to_json_min) and utils.py (prettify_result).
 * @throws {VoteError} where an annotation holds nothing that is known.
 */
export function taskOfMin(record: JsonRecord): JsonRecord {
  const { annotation_id: id = null, annotator = null, lead_time: leadTime = null, created_at: createdAt = null } = record;
  if (id === null) return { data: record, annotations: [] };
  const result = Object.entries(record).flatMap(([name, value]) => resultsOf(name, value));
  if (result.every(({ from_name: name }) => String(name).startsWith("flags_"))) {
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
