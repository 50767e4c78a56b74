import type { ComfyClient } from "./client.ts";
import type { HistoryEntry } from "./history-entry.ts";

/**
 * The finished runs of prompts whose id at the server is not known, by the id that we sent. Reads the whole history, streamed, many MB
 * on a long-lived server: to be asked once for all, before they are given up as lost.
 */
export async function findByMark(
  client: Pick<ComfyClient, "historyAll">,
  sentIds: Iterable<string>,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, HistoryEntry>> {
  const wanted = new Set(sentIds);
  const found = new Map<string, HistoryEntry>();
  if (wanted.size === 0) return found;
  for await (const entry of client.historyAll(signal)) {
    const sentId = entry.mark?.promptId ?? entry.promptId;
    if (wanted.delete(sentId)) found.set(sentId, entry);
    if (wanted.size === 0) break;
  }
  return found;
}
