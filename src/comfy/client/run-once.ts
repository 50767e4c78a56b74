import { RejectError, TransientError } from "../../errors.ts";
import type { Clock } from "../../lib/clock.ts";
import { counted } from "../../lib/words.ts";
import type { ComfyClient } from "./client.ts";
import type { HistoryEntry } from "./history-entry.ts";
import type { QueueItem } from "./queue.ts";
import { type Submission, describeRefusal } from "./submit.ts";
import { findByMark } from "./history-stream.ts";

/** Time between two looks at the server, ms. */
const POLL_MS = 250;
/** A prompt that is in neither queue nor history for this long is lost, ms. */
const LOST_GRACE_MS = 5_000;

export interface RunOnceOptions {
  readonly clock: Clock;
  /** Longest run, and longest wait behind others that go on. */
  readonly timeoutMs: number;
  /** Longest wait behind others while none of them ends and the server's queue does not move. */
  readonly standstillMs: number;
  /** Told at each look at the server while the prompt is there. */
  readonly onLook?: (where: Whereabouts) => void;
  /** Ends the wait; the prompt is taken back then. */
  readonly signal: AbortSignal;
  /** Ends the taking back, too. */
  readonly cleanUpSignal: AbortSignal;
}

export interface Whereabouts {
  /** Prompts that run or wait before it; 0 where it runs. */
  readonly promptsAhead: number;
  readonly isRunning: boolean;
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

/** The place of the prompt, as far as known. */
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
async function finished(client: ComfyClient, waiting: Waiting): Promise<HistoryEntry> {
  const { place, sentId, clock, signal, onLook } = waiting;
  const patience = createPatience(client.url, waiting);
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
      const isRunning = running.includes(item);
      onLook?.({ isRunning, promptsAhead: isRunning ? 0 : ahead });
      patience.seen(place.where, isRunning ? [] : [...running, ...pending.slice(0, pending.indexOf(item))]);
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
    patience.check();
    await clock.sleep(POLL_MS, signal);
  }
}

/** Ends a wait: where the prompt runs for too long, or nothing before it ends. A queue that moves is waited for. */
function createPatience(url: string, { clock, timeoutMs, standstillMs }: Pick<Waiting, "clock" | "timeoutMs" | "standstillMs">) {
  const startedMs = clock.nowMs();
  let sinceMs = startedMs;
  let seen = "";
  let where = "it is not there";
  let isWaiting = true;
  return {
    seen(now: string, ahead: readonly QueueItem[]): void {
      const image = `${now} ${ahead.map(({ promptId }) => promptId).join(" ")}`;
      if (image !== seen) sinceMs = clock.nowMs();
      seen = image;
      where = now;
      isWaiting = ahead.length > 0;
    },
    check(): void {
      const nowMs = clock.nowMs();
      if (isWaiting && nowMs - sinceMs >= standstillMs) {
        const standstill = `${where}, and none of them ended within ${secondsOf(standstillMs)}`;
        const hint = "look at the server's console, clear its queue, or check again once it is free";
        throw new TransientError(`Cannot run a prompt on ${url}: ${standstill}`, { hint });
      }
      if (nowMs - (isWaiting ? startedMs : sinceMs) < timeoutMs) return;
      throw new TransientError(`Cannot run a prompt on ${url} within ${secondsOf(timeoutMs)}: ${where}`, {
        hint: "look at the server's console, or raise generate.stall_timeout_s",
      });
    },
  };
}

const secondsOf = (ms: number): string => `${Math.round(ms / 1_000)} s`;

/** A server that does not answer any more keeps what it has: nothing depends on it. */
async function takeBack(client: ComfyClient, { promptId }: Place, signal: AbortSignal): Promise<void> {
  try {
    await client.cancel(promptId, signal);
    await client.deleteHistory([promptId], signal);
  } catch (error) {
    if (!(error instanceof TransientError) && !signal.aborted) throw error;
  }
}

function refused(url: string, why: string): RejectError {
  return new RejectError("validation", `${url} refuses the workflow: ${why}`);
}
