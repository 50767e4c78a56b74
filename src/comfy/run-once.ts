import { RejectError, TransientError } from "../errors.ts";
import type { Clock } from "../lib/clock.ts";
import { counted } from "../lib/counted.ts";
import type { ComfyClient } from "./client.ts";
import { describeRefusal } from "./describe-refusal.ts";
import { findByMark } from "./find-by-mark.ts";
import type { HistoryEntry } from "./history-entry.ts";
import type { Submission } from "./submit.ts";

/** Between two looks at the server, ms. */
const POLL_MS = 250;
/** How long a prompt may be in neither queue nor history before it is lost, ms. */
const LOST_GRACE_MS = 5_000;

export interface RunOnceOptions {
  readonly clock: Clock;
  /** For all of it, waiting behind others included. */
  readonly timeoutMs: number;
  /** Ends the wait; the prompt is taken back then. */
  readonly signal: AbortSignal;
  /** Ends the taking back, too. */
  readonly cleanUpSignal: AbortSignal;
}

/**
 * Runs one prompt, and leaves neither queue nor history behind; `use` looks at the finished run before that.
 * @throws {RejectError} "validation", where the server refuses the workflow. @throws {TransientError} where it does not run in time.
 */
export async function runOnce<T>(
  client: ComfyClient,
  submission: Submission,
  { use, ...options }: RunOnceOptions & { readonly use: (entry: HistoryEntry) => Promise<T> },
): Promise<T> {
  const answer = await client.submit(submission, options.signal);
  if (answer.kind === "refused") throw refused(client.url, describeRefusal(answer));
  // Until its answer is known, a prompt has the id that we gave it.
  const place: Place = {
    promptId: answer.kind === "accepted" ? answer.promptId : submission.promptId,
    isSure: answer.kind === "accepted",
    where: "",
  };
  try {
    if (answer.kind === "accepted" && answer.nodeErrors.length > 0) {
      throw refused(client.url, describeRefusal({ message: "", nodeErrors: answer.nodeErrors }));
    }
    return await use(await finished(client, { place, sentId: submission.promptId, ...options }));
  } finally {
    await takeBack(client, place, options.cleanUpSignal);
  }
}

/** Where the prompt is, as far as known. */
interface Place {
  promptId: string;
  /** False: the answer was lost, and the server may call it otherwise. */
  isSure: boolean;
  where: string;
}

interface Waiting extends RunOnceOptions {
  readonly place: Place;
  readonly sentId: string;
}

/** Polls the queue first and the history second: a prompt goes from the one to the other and never back. */
async function finished(client: ComfyClient, { place, sentId, clock, timeoutMs, signal }: Waiting): Promise<HistoryEntry> {
  const deadlineMs = clock.nowMs() + timeoutMs;
  let missingSinceMs: number | null = null;
  for (;;) {
    const { running, pending } = await client.queue(signal);
    const isOurs = ({ promptId, mark }: { readonly promptId: string; readonly mark: { readonly promptId: string } | null }): boolean =>
      promptId === place.promptId || mark?.promptId === sentId;
    const item = running.find(isOurs) ?? pending.find(isOurs);
    if (item !== undefined) {
      const ahead = running.length + pending.indexOf(item);
      Object.assign(place, {
        promptId: item.promptId,
        isSure: true,
        where: running.includes(item) ? "it runs" : `${counted(ahead, "prompt")} before it`,
      });
      missingSinceMs = null;
    } else {
      const entry =
        (await client.history(place.promptId, signal)) ??
        (place.isSure ? undefined : (await findByMark(client, [sentId], signal)).get(sentId));
      if (entry !== undefined) {
        place.promptId = entry.promptId;
        return entry;
      }
      missingSinceMs ??= clock.nowMs();
      if (clock.nowMs() - missingSinceMs >= LOST_GRACE_MS) {
        throw new TransientError(`Cannot run a prompt on ${client.url}: it is in neither queue nor history any more`, {
          hint: "did the server restart?",
        });
      }
    }
    if (clock.nowMs() >= deadlineMs) {
      throw new TransientError(
        `Cannot run a prompt on ${client.url} within ${Math.round(timeoutMs / 1_000)} s: ${place.where || "it is not there"}`,
        {
          hint: "look at the server's console, or raise generate.stall_timeout_s",
        },
      );
    }
    await clock.sleep(POLL_MS, signal);
  }
}

/** A server that does not answer any more keeps what it has: nothing depends on it. */
async function takeBack(client: ComfyClient, { promptId, where }: Place, signal: AbortSignal): Promise<void> {
  const ids = [promptId];
  try {
    await client.deleteFromQueue(ids, signal);
    // Only where it runs: older servers do not look at the id and interrupt whatever does.
    const { running } = where === "it runs" ? await client.queue(signal) : { running: [] };
    if (running.some((item) => item.promptId === promptId)) await client.interrupt(promptId, signal);
    await client.deleteHistory(ids, signal);
  } catch (error) {
    if (!(error instanceof TransientError) && !signal.aborted) throw error;
  }
}

function refused(url: string, why: string): RejectError {
  return new RejectError("validation", `${url} refuses the workflow: ${why}`);
}
