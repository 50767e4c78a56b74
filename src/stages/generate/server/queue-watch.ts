import type { Queue } from "../../../comfy/client/queue.ts";
import { idsOf, type JobsOut } from "./jobs-out.ts";

export interface QueueWatchOptions {
  readonly jobs: Pick<JobsOut, "ownPrompts" | "forgetAbandoned">;
  readonly nowMs: () => number;
}

export type QueueWatch = ReturnType<typeof createQueueWatch>;

/** Whose prompts are in a server's queue, and whether anything moves there. */
export function createQueueWatch({ jobs, nowMs }: QueueWatchOptions) {
  /** Other people's prompts, as last seen; null before the first look. */
  let theirs: number | null = null;
  let movedAtMs = nowMs();
  let shape = "";
  let running = "";

  return {
    theirs: (): number | null => theirs,
    /** How long nothing moved: no event of our prompts, no change of the queue, ms. */
    stillForMs: (): number => nowMs() - movedAtMs,
    moved: (): void => void (movedAtMs = nowMs()),
    /** The server does not answer: nothing is known of its queue. */
    lost: (): void => void (theirs = null),
    /** It says how long its queue is: what we do not know of is other people's. */
    guess(remaining: number, ours: number): void {
      if (remaining > ours) theirs ??= remaining - ours;
    },
    /** Takes a look at the queue. True if another prompt runs than at the last look: those that wait come nearer. */
    note(queue: Queue): boolean {
      const isOurs = jobs.ownPrompts();
      const all = [...queue.running, ...queue.pending];
      theirs = all.filter((item) => !isOurs(item)).length;
      jobs.forgetAbandoned(new Set(all.flatMap(idsOf)));
      const before = { shape, running };
      running = queue.running.map((item) => item.promptId).join();
      shape = `${running} ${queue.pending.length}`;
      // Waiting behind others is no stall.
      if (shape !== before.shape || queue.running.some((item) => !isOurs(item))) movedAtMs = nowMs();
      return running !== before.running && before.running !== "";
    },
  };
}
