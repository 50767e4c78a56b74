import { useState } from "preact/hooks";
import type { Task } from "../../../api.ts";
import type { Flags } from "../../flags.ts";
import type { PastVote } from "../../past-votes.ts";
import { NO_PICKS, type Picks } from "../../picks.ts";
import type { Zoom } from "../../zoom.ts";

/** What somebody is doing with the task on screen. */
export interface Draft {
  readonly picks: Picks;
  readonly flags: Flags;
  readonly zoom: Zoom;
}

/** The draft of a task; another task begins a new one, with the flags that it had where its vote was taken back. */
export function useDraft(task: Task, before: PastVote | undefined): readonly [Draft, (change: Partial<Draft>) => void] {
  const fresh = (): Draft & { readonly of: string } => ({
    of: draftId(task, before),
    picks: NO_PICKS,
    flags: before?.flags ?? {},
    zoom: "fit",
  });
  const [kept, setKept] = useState(fresh);
  const draft = kept.of === draftId(task, before) ? kept : fresh();
  const change = (part: Partial<Draft>): void => setKept((latest) => ({ ...(latest.of === draft.of ? latest : draft), ...part }));
  return [draft, change];
}

/** A task that comes back after its vote was taken back is begun anew. */
function draftId({ task_id }: Task, before: PastVote | undefined): string {
  return `${task_id} ${before?.vote_id ?? ""}`;
}
