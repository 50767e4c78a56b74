import type { ComfyClient } from "../../comfy/client.ts";
import type { ComfyEvents } from "../../comfy/events.ts";
import type { SubmittedJob } from "../../db/queries/jobs.ts";
import type { FatalError } from "../../errors.ts";

/** A job out at a server. */
export interface OutJob {
  /** Its promptId is the server's name for it, as far as known. */
  job: SubmittedJob;
  /** The id that it was sent with, and that its mark has: servers may give another. */
  readonly sentId: string;
  /** `posting`: the answer of POST /prompt is not there yet; `sent`: accepted; `unknown`: it may or may not have arrived. */
  state: "posting" | "sent" | "unknown";
  /** Since when it is in neither queue nor history. */
  missingSinceMs: number | null;
}

/** What the parts of a server's worker share. */
export interface ServerState {
  /** Another one where the configuration's headers for it changed. */
  client: ComfyClient;
  readonly out: Map<string, OutJob>;
  events: ComfyEvents | null;
  /** A job waits for this server's queue to be empty: no other may be submitted meanwhile. */
  exclusive: boolean;
  /** The server restarted: what is in neither queue nor history is lost at once. */
  restarted: boolean;
  /** Gets nothing new: removed from the configuration, or a person asked for it. */
  draining: boolean;
  /** Left the configuration: the worker ends once nothing is out. */
  leaving: boolean;
  /** Other people's jobs in its queue, as last seen; null before the first look. */
  theirs: number | null;
  /** Prompts of ours that it never ended, by both of their ids: they may still run, and are nobody else's. */
  readonly abandoned: Set<string>;
  /** When something moved there last: an event of our prompts, or its queue, ms since the epoch. */
  movedAtMs: number;
  /** What its queue looked like then. */
  queueShape: string;
  /** A submission found that the server cannot be used: its worker ends. */
  unusable: FatalError | null;
  /** Submissions in a row that were cut off and never seen again. */
  swallowed: number;
  /** Why it has too little memory for more, and when that was looked at. */
  shortage: string | null;
  statsAtMs: number;
  /** When its queue is looked at next, ms since the epoch. */
  sweepAtMs: number;
  /** Wakes the worker's loop. */
  wake(): void;
}

export function newServerState(client: ComfyClient, nowMs: number): ServerState {
  return {
    client,
    out: new Map(),
    events: null,
    exclusive: false,
    restarted: false,
    draining: false,
    leaving: false,
    theirs: null,
    abandoned: new Set(),
    movedAtMs: nowMs,
    queueShape: "",
    unusable: null,
    swallowed: 0,
    shortage: null,
    statsAtMs: 0,
    sweepAtMs: 0,
    wake: () => undefined,
  };
}
