import type { Context } from "../../context.ts";
import type { HarvestedJob, ImageQueries } from "../../db/queries/images/images.ts";
import { messageOf, TransientError } from "../../errors.ts";

/** Entries deleted with one request. */
const BATCH = 50;
/** Entries waiting per server; beyond it they are left to the next start, which finds them in the database. */
const WAITING_MAX = 500;

export interface CleanerNeeds extends Pick<Context, "comfy" | "log" | "signal"> {
  readonly images: Pick<ImageQueries, "harvestedJobs" | "markHistoryDeleted">;
  readonly enabled: boolean;
}

export interface HistoryCleaner {
  /** All images of the job are in the store, or given up: its server may forget the run. */
  jobDone(job: HarvestedJob): void;
  /** Jobs of earlier runs whose entry is still there. */
  deleteLeftovers(): Promise<void>;
  /** Deletes what waits; resolves when all requests are over. Throws what is neither an abort nor a server's trouble. */
  flush(): Promise<void>;
}

/**
 * Deletes history entries in batches, beside the transfers. ComfyUI keeps 10,001 of them with the whole workflow in each; a night has
 * more. A deletion that fails is left to the next start.
 */
export function historyCleaner({ images, comfy, log, signal, enabled }: CleanerNeeds): HistoryCleaner {
  const waiting = new Map<string, HarvestedJob[]>();
  const running = new Map<string, Promise<void>>();
  let bug: { readonly error: unknown } | undefined;

  async function send(server: string, jobs: readonly HarvestedJob[]): Promise<void> {
    const client = comfy.get(server);
    if (client === undefined || jobs.length === 0) return;
    try {
      await client.deleteHistory(
        jobs.map((job) => job.promptId),
        signal,
      );
      images.markHistoryDeleted(jobs);
    } catch (error) {
      if (error instanceof TransientError || signal.aborted)
        log.debug(`${server} keeps ${jobs.length} history entries: ${messageOf(error)}`);
      else bug ??= { error };
    }
  }

  /** One request a server at a time. */
  function start(server: string): void {
    const jobs = waiting.get(server);
    if (jobs === undefined || running.has(server)) return;
    waiting.delete(server);
    running.set(
      server,
      send(server, jobs).finally(() => {
        running.delete(server);
        if ((waiting.get(server)?.length ?? 0) >= BATCH) start(server);
      }),
    );
  }

  async function flush(): Promise<void> {
    while (waiting.size > 0 || running.size > 0) {
      for (const server of waiting.keys()) start(server);
      await Promise.all(running.values());
    }
    if (bug !== undefined) throw bug.error;
  }

  function jobDone(job: HarvestedJob): void {
    if (!enabled || !comfy.has(job.server)) return;
    const jobs = waiting.get(job.server) ?? [];
    waiting.set(job.server, jobs);
    if (jobs.length < WAITING_MAX) jobs.push(job);
    if (jobs.length >= BATCH) start(job.server);
  }

  return {
    jobDone,
    flush,
    async deleteLeftovers() {
      if (!enabled) return;
      let after = "";
      for (;;) {
        const page = images.harvestedJobs(after, WAITING_MAX);
        const last = page.at(-1);
        if (last === undefined || signal.aborted) return;
        for (const job of page) jobDone(job);
        await flush();
        after = last.job;
      }
    },
  };
}
