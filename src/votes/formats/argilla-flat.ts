import { isJsonArray, type Json } from "../../lib/exact-json.ts";
import type { JsonRecord } from "./read-records.ts";

const RESPONSES = ".responses";

/** Whether records are flat: fields, metadata and answers side by side, with who answered and whether it is a draft. */
export function isFlatKeys(keys: readonly string[]): boolean {
  return keys.some((key) => key.endsWith(`${RESPONSES}.users`));
}

/**
 * A flat record (`to_list(flatten=True)`) as a nested one, its answers with their status.
 * Source: argilla 2.8, records/_io/_generic.py (_record_to_dict).
 */
export function nestedOf(record: JsonRecord): JsonRecord {
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
