import { isJsonArray, isJsonObject, type Json } from "../../lib/exact-json.ts";
import { markIn, type JobMark } from "./job-mark.ts";

export interface QueueItem {
  /** Runs in this order, lowest first. */
  readonly number: number;
  readonly promptId: string;
  /** The client that submitted it; null if it does not say. */
  readonly clientId: string | null;
  /** Our job; null for prompts of other people. */
  readonly mark: JobMark | null;
}

export interface Queue {
  readonly running: readonly QueueItem[];
  /** Prompts that wait, in the order in which they will run. The server sends them as a heap. */
  readonly pending: readonly QueueItem[];
}

/** Reads GET /queue. Undefined unless both lists are there: an empty queue means lost jobs, so it has to be said, not guessed. */
export function parseQueue(answer: Json): Queue | undefined {
  if (!isJsonObject(answer)) return undefined;
  const running = itemsOf(answer["queue_running"]);
  const pending = itemsOf(answer["queue_pending"]);
  return running === undefined || pending === undefined ? undefined : { running, pending };
}

/** Items are `[number, prompt_id, prompt, extra_data, outputs_to_execute]`. */
function itemsOf(list: Json | undefined): readonly QueueItem[] | undefined {
  if (!isJsonArray(list)) return undefined;
  const items = list.filter(isJsonArray).flatMap(([number, promptId, , extraData]): QueueItem[] => {
    if (typeof promptId !== "string") return [];
    const clientId = isJsonObject(extraData) ? extraData["client_id"] : undefined;
    return [{ number: Number(number), promptId, clientId: typeof clientId === "string" ? clientId : null, mark: markIn(extraData) }];
  });
  return items.toSorted((a, b) => a.number - b.number);
}

/** Reads GET /prompt: how many run and wait. */
export function parseQueueRemaining(answer: Json): number | undefined {
  const info = isJsonObject(answer) ? answer["exec_info"] : undefined;
  const remaining = isJsonObject(info) ? info["queue_remaining"] : undefined;
  return typeof remaining === "number" && Number.isFinite(remaining) ? remaining : undefined;
}
