import type { ComfyClient } from "../../../comfy/client/client.ts";
import type { ComfyEvents, ComfyEventsOptions } from "../../../comfy/connection/events.ts";
import type { SubmittedJob } from "../../../db/queries/jobs/jobs.ts";
import type { FatalError, TransientError } from "../../../errors.ts";
import { backoffMs, createBackoff, WAITS } from "../../../lib/retry.ts";
import type { GenerateRun } from "../run.ts";

/** Jobs in a row that a server cut off and never had, before it is left alone. */
const LOST_IN_A_ROW_MAX = 3;
/**
 * Steps and ends of a job that was sent more often than this are no progress: a workflow that kills its server each time would else keep a
 * run going for ever.
 */
const COUNTED_ATTEMPTS_MAX = 10;

export interface ContactOptions extends Pick<ComfyEventsOptions, "onEvent" | "onOpen"> {
  readonly client: ComfyClient;
  readonly run: Pick<GenerateRun, "bounds" | "clock" | "jobs" | "lastProgress" | "servers" | "signal" | "finished" | "fallbackClientId">;
}

export type Contact = ReturnType<typeof createContact>;

/**
 * Reaches one server, and decides when to ask it again. It has one back-off for everything that goes wrong there. Only progress resets it:
 * a server that answers one question well and another badly is not asked more often for it.
 */
export function createContact({ client: first, run, onEvent, onOpen }: ContactOptions) {
  const { url } = first;
  const backoff = createBackoff(WAITS.server);
  let client = first;
  let events: ComfyEvents | null = null;
  let restUntilMs = 0;
  /** Since when it is in trouble, without any progress; null while it is not. */
  let troubledSinceMs: number | null = null;
  let hasAnsweredSince = false;
  let unusable: FatalError | null = null;
  let hasRestarted = false;
  /** When it last gave no good answer, cut its WebSocket, or was found restarted. Since then it is one and the same process. */
  let brokenAtMs = run.clock.nowMs();
  let isUnread = true;
  /** The question how the server is, while it is under way. */
  let reading: Promise<void> | null = null;
  const lostJobs = new Set<string>();

  function rest(retryAfterMs: number | undefined): void {
    const nowMs = run.clock.nowMs();
    // Requests in flight together fail together: that is one failure.
    const isNew = restUntilMs <= nowMs;
    const waitMs = isNew ? backoff.failed(retryAfterMs) : backoffMs(0, { ...WAITS.server, retryAfterMs }, () => 0);
    restUntilMs = Math.max(restUntilMs, nowMs + waitMs);
  }

  const noteBreak = (): void => void (brokenAtMs = run.clock.nowMs());

  function progressed(): void {
    backoff.worked();
    restUntilMs = 0;
    troubledSinceMs = null;
    hasAnsweredSince = false;
    run.lastProgress.made();
  }

  /** Asks the server how it is, and opens its WebSocket. @throws as the client does. */
  function connect(): Promise<void> {
    reading ??= read().finally(() => (reading = null));
    return reading;
  }

  async function read(): Promise<void> {
    isUnread = false;
    const stats = await client.systemStats(run.signal);
    hasAnsweredSince = troubledSinceMs !== null;
    events ??= client.events({ clock: run.clock, onEvent, onOpen, onClose: noteBreak, signal: run.finished });
    const refusals = await run.bounds.read(client, run.signal);
    run.jobs.barred(url, refusals);
    run.servers.serverUp(url, stats);
  }

  function close(): void {
    events?.close();
    events = null;
  }

  return {
    url,
    /** Another one where the configuration's headers for the server changed. */
    client: (): ComfyClient => client,
    isOf: (other: ComfyClient): boolean => other === client,
    /** Whose WebSocket gets the events of what is submitted now. */
    clientId: (): string => events?.clientId ?? run.fallbackClientId,

    connect,
    /** Waits until it is known what the server is since it was started: an image made after an upgrade is not the old software's. */
    whenRead: (): Promise<void> => reading ?? (isUnread ? connect() : Promise.resolve()),
    renew(fresh: ComfyClient): void {
      client = fresh;
      unusable = null;
      restUntilMs = 0;
      close();
    },
    close,

    /** Something was achieved there for good. */
    progressed,
    /** A job took a step, or was done: that may be lost again. */
    stepped({ attempt }: Pick<SubmittedJob, "attempt">): void {
      lostJobs.clear();
      if (attempt <= COUNTED_ATTEMPTS_MAX) progressed();
    },
    /** The server is in trouble: it is down until it was asked again, after a rest. */
    troubled(error: TransientError): void {
      troubledSinceMs ??= run.clock.nowMs();
      noteBreak();
      rest(error.retryAfterMs);
      run.servers.serverDown(url, error);
      run.lastProgress.hindered(url, error.message);
    },
    /** Returns how long the server has answered, but not about our jobs, ms. */
    answersBadlyForMs: (): number => (troubledSinceMs === null || !hasAnsweredSince ? 0 : run.clock.nowMs() - troubledSinceMs),
    /** It refused one job, while it answers others: it is given no new ones for a moment. */
    refusedOne(error: TransientError): void {
      rest(error.retryAfterMs);
      run.lastProgress.hindered(url, error.message);
    },
    /** Returns how long the server is still left alone, ms. */
    restMs: (): number => Math.max(0, restUntilMs - run.clock.nowMs()),

    /** Nothing but a person can help: the server's worker ends with this error. */
    cannotBeUsed: (error: FatalError): void => void (unusable = error),
    isUnusable: (): boolean => unusable !== null,
    throwIfUnusable(): void {
      if (unusable !== null) throw unusable;
    },

    /** It took a prompt of ours. */
    accepted(): void {
      lostJobs.clear();
    },
    /**
     * It cut off a submission and never had it. Accepted and gone is a restart; this is a server, or something before it, that takes
     * nothing. Answers how many jobs those were in a row, once they are too many; else null.
     */
    submissionLost(job: string): number | null {
      lostJobs.add(job);
      if (lostJobs.size < LOST_IN_A_ROW_MAX) return null;
      lostJobs.clear();
      return LOST_IN_A_ROW_MAX;
    },
    /** It was started anew: what is in neither queue nor history is lost at once. */
    restarted(): void {
      noteBreak();
      hasRestarted = true;
      isUnread = true;
    },
    /** True until what it is and can do was read since it was started, as far as that is known. */
    isUnread: (): boolean => isUnread,
    hasRestarted: (): boolean => hasRestarted,
    /** True if it has answered ever since, so that it cannot have restarted unseen: that takes seconds, and each second it is asked. */
    isUnbrokenSince: (sinceMs: number): boolean => brokenAtMs < sinceMs,
    /** Called once it is known what the restart lost. */
    restartIsOver: (): void => void (hasRestarted = false),
  };
}
