import type { QueueItem, Queue } from "../../../comfy/client/queue.ts";
import type { SubmittedJob } from "../../../db/queries/jobs/jobs.ts";
import type { GivenPromptId } from "../../../db/queries/jobs/server-prompt-id.ts";
import { FatalError, type TransientError } from "../../../errors.ts";

/** Longest id shown in a message, characters. A UUID has 36. */
const GIVEN_SHOWN_CHARS = 80;

/** A job out at a server. */
export interface OutJob {
  /** Its promptId is the server's name for it, as far as known. */
  readonly job: SubmittedJob;
  /** The id that it was sent with, and that its mark has: servers may give another. */
  readonly sentId: string;
  /** `posting`: the answer of POST /prompt is not there yet; `sent`: accepted; `unknown`: it may or may not have arrived. */
  readonly state: "posting" | "sent" | "unknown";
  /** The answer that made the state `unknown`; null if that was before this run. */
  readonly badAnswer: TransientError | null;
  /** Since when it is in neither queue nor history. */
  readonly missingSinceMs: number | null;
  /** When the server last showed or said that it had the job; null if it never did in this run. */
  readonly seenAtMs: number | null;
  /** It left the queue while the prompt before it still ran: somebody deleted it there. */
  readonly wasDeleted: boolean;
  /** Times that its history was answered otherwise than ComfyUI answers, while another was answered well. */
  readonly badHistories: number;
}

export interface JobsOutOptions {
  readonly url: string;
  /** Told the number of jobs whenever it changes. */
  readonly onCount: (count: number) => void;
  /** Writes down what the server calls a prompt. False: another prompt has that id. */
  readonly rememberPromptId: (given: GivenPromptId) => boolean;
}

export type JobsOut = ReturnType<typeof createJobsOut>;

/** The jobs that are out at one server, under the ids that it knows them by. */
export function createJobsOut({ url, onCount, rememberPromptId }: JobsOutOptions) {
  const out = new Map<string, { -readonly [Key in keyof OutJob]: OutJob[Key] }>();
  /** Prompts of ours that it never ended, by both of their ids: they may still run, and are nobody else's. */
  const abandoned = new Set<string>();

  const isOut = (some: OutJob): boolean => out.get(some.job.promptId) === some;

  function change(some: OutJob, changes: Partial<Omit<OutJob, "job" | "sentId">>): void {
    const own = out.get(some.job.promptId);
    if (own !== undefined && own === some) Object.assign(own, changes);
  }

  function takeOff(some: OutJob): void {
    if (!isOut(some)) return;
    out.delete(some.job.promptId);
    onCount(out.size);
  }

  return {
    /** Also after the job was settled or given away: false then. */
    isOut,
    count: (): number => out.size,
    all: (): readonly OutJob[] => [...out.values()],
    get: (promptId: string): OutJob | undefined => out.get(promptId),
    /** `sentId` is the id that the job was, or is about to be, sent with. */
    add(job: SubmittedJob, { sentId, state }: Pick<OutJob, "sentId" | "state">): OutJob {
      const added: OutJob = {
        job,
        sentId,
        state,
        badAnswer: null,
        missingSinceMs: null,
        seenAtMs: null,
        wasDeleted: false,
        badHistories: 0,
      };
      out.set(job.promptId, { ...added });
      onCount(out.size);
      return out.get(job.promptId) ?? added;
    },
    /** The job is no longer out: settled, or planned again. */
    takeOff,
    /** Likewise, though it may still run there. */
    abandon(some: OutJob): void {
      takeOff(some);
      abandoned.add(some.job.promptId).add(some.sentId);
    },
    /** The server took it after it was taken off. */
    leftThere: (...promptIds: readonly string[]): void => {
      for (const promptId of promptIds) abandoned.add(promptId);
    },
    /** It is in the server's queue, or was accepted. */
    seen: (some: OutJob, nowMs: number): void => change(some, { state: "sent", badAnswer: null, missingSinceMs: null, seenAtMs: nowMs }),
    /** Nobody knows whether the server took it. */
    unanswered: (some: OutJob, badAnswer: TransientError): void => change(some, { state: "unknown", badAnswer }),
    missing: (some: OutJob, nowMs: number): void => change(some, { missingSinceMs: some.missingSinceMs ?? nowMs }),
    deleted: (some: OutJob): void => change(some, { wasDeleted: true }),
    /** The server said that its run is over. */
    ended: (some: OutJob, nowMs: number): void => change(some, { seenAtMs: nowMs }),
    badHistory: (some: OutJob): void => change(some, { badHistories: some.badHistories + 1 }),

    /**
     * From here on a job is followed under the id that its server gave it. Committed at once: after a crash nothing else leads to it but a
     * search by its mark.
     * @throws {FatalError} where the server gives two prompts one id.
     */
    followUnder(some: OutJob, given: string): void {
      const { job, promptId: known } = some.job;
      const own = out.get(known);
      if (given === known || own === undefined || own !== some) return;
      if (!rememberPromptId({ job, sent: known, given })) {
        throw new FatalError(
          `Cannot use ${url}: it gave the prompt ${known} the id ${given.slice(0, GIVEN_SHOWN_CHARS)}, which another prompt has`,
          { hint: "one URL has to be one ComfyUI; is this a proxy that answers for it?" },
        );
      }
      out.delete(known);
      own.job = { ...own.job, promptId: given };
      out.set(given, own);
    },

    /** Tells prompts of ours at this server from other people's, also where its name for them is not known yet. */
    ownPrompts(): (item: QueueItem) => boolean {
      const sent = new Set([...out.values()].map(({ sentId }) => sentId));
      return (item) => idsOf(item).some((id) => out.has(id) || sent.has(id) || abandoned.has(id));
    },
    /** Forgets prompts that left the queue: they cannot be taken for other people's. */
    forgetAbandoned(there: ReadonlySet<string>): void {
      for (const id of abandoned) if (!there.has(id)) abandoned.delete(id);
    },
  };
}

/** The ids that a prompt may be known to us by: the server's own, and the one that it was sent with. */
export function idsOf({ promptId, mark }: Pick<QueueItem, "promptId" | "mark">): readonly string[] {
  return mark === null || mark.promptId === promptId ? [promptId] : [promptId, mark.promptId];
}

interface QueueWatchOptions {
  readonly jobs: Pick<JobsOut, "ownPrompts" | "forgetAbandoned">;
  readonly nowMs: () => number;
}

export type QueueWatch = ReturnType<typeof createQueueWatch>;

/** Whose prompts are in a server's queue, and whether anything moves there. */
export function createQueueWatch({ jobs, nowMs }: QueueWatchOptions) {
  /** Other people's prompts, as last seen; null before the first look. */
  let foreignDepth: number | null = null;
  let movedAtMs = nowMs();
  let shape = "";
  let running = "";

  return {
    foreignDepth: (): number | null => foreignDepth,
    /** Returns the time without any movement (an event of our prompts, a change of the queue), ms. */
    stillForMs: (): number => nowMs() - movedAtMs,
    moved: (): void => void (movedAtMs = nowMs()),
    /** The server does not answer: nothing is known of its queue. */
    lost: (): void => void (foreignDepth = null),
    /** It says how long its queue is: what we do not know of is other people's. */
    guess(remaining: number, ours: number): void {
      if (remaining > ours) foreignDepth ??= remaining - ours;
    },
    /** Takes a look at the queue, and tells what became of the prompt that ran at the last look; `none`: none ran. */
    note(queue: Queue): "runs on" | "is over" | "none" {
      const isOurs = jobs.ownPrompts();
      const all = [...queue.running, ...queue.pending];
      foreignDepth = all.filter((item) => !isOurs(item)).length;
      jobs.forgetAbandoned(new Set(all.flatMap(idsOf)));
      const before = { shape, running };
      running = queue.running.map((item) => item.promptId).join();
      shape = `${running} ${queue.pending.length}`;
      // Waiting behind others is no stall.
      if (shape !== before.shape || queue.running.some((item) => !isOurs(item))) movedAtMs = nowMs();
      if (before.running === "") return "none";
      return running === before.running ? "runs on" : "is over";
    },
  };
}
