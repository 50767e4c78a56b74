import { isJsonObject, type Json, type JsonObject } from "../../lib/exact-json.ts";

/**
 * Identifies the job of a prompt. It is sent under a key of extra_data, which comes back in /queue and /history. Older servers and some
 * proxies give prompts an id of their own. If the answer with this id is lost, the mark finds the prompt again.
 */
export interface JobMark {
  /** The id that we sent: unique to dataset, job and attempt. Two datasets may have equal jobs. */
  readonly promptId: string;
  readonly job: string;
  readonly attempt: number;
}

/** It is in no file and no cache key: of extra_data only extra_pnginfo gets into images. */
const KEY = "comfy_dpo";

export function withMark(extraData: JsonObject, { promptId, job, attempt }: JobMark): JsonObject {
  return { ...extraData, [KEY]: { prompt_id: promptId, job, attempt } };
}

/** Reads the mark in a prompt's extra_data. Returns null for prompts of other people. */
export function markIn(extraData: Json | undefined): JobMark | null {
  const mark = extraData !== undefined && isJsonObject(extraData) ? extraData[KEY] : undefined;
  if (mark === undefined || !isJsonObject(mark)) return null;
  const { prompt_id: promptId, job, attempt } = mark;
  if (typeof promptId !== "string" || typeof job !== "string" || typeof attempt !== "number") return null;
  return { promptId, job, attempt };
}
