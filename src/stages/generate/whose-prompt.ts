import type { QueueItem } from "../../comfy/queue.ts";
import type { ServerState } from "./server-state.ts";

/** The ids that a prompt may be known to us by: the server's own, and the one that it was sent with. */
export function idsOf({ promptId, mark }: Pick<QueueItem, "promptId" | "mark">): readonly string[] {
  return mark === null || mark.promptId === promptId ? [promptId] : [promptId, mark.promptId];
}

/** Tells prompts of ours at this server from other people's, also where its name for them is not known yet. */
export function ownPrompts({ out, abandoned }: Pick<ServerState, "out" | "abandoned">): (item: QueueItem) => boolean {
  const sent = new Set([...out.values()].map(({ sentId }) => sentId));
  return (item) => idsOf(item).some((id) => out.has(id) || sent.has(id) || abandoned.has(id));
}
