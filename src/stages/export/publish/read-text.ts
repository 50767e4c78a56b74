import { text } from "node:stream/consumers";
import type { ObjectStore } from "../../../stores/object-store.ts";
import { unreadableReason } from "../check/unreadable-reason.ts";

/** A small text; null where nothing is that can be read. */
export async function readText(store: Pick<ObjectStore, "get">, key: string, signal: AbortSignal): Promise<string | null> {
  try {
    const body = await store.get(key, signal);
    return body === null ? null : await text(body);
  } catch (error) {
    if (unreadableReason(error) === null) throw error;
    return null;
  }
}
