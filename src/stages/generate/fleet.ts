import type { ComfyClient } from "../../comfy/client/client.ts";
import type { SubmittedJob } from "../../db/queries/jobs/jobs.ts";
import type { GenerateRun } from "./run.ts";
import { openServer, type Server } from "./server/server.ts";

/** The workers of all servers, which come and go. */
export interface Fleet {
  /** Starts workers for servers that are new in the pool, lets those end that left it, and drains what people want drained. */
  sync(drained: ReadonlySet<string>): void;
  /** True if people keep every server from taking jobs. */
  isHeldByPeople(): boolean;
  /** Resolves when every worker has ended. */
  ended(): Promise<void>;
}

interface Worker {
  readonly server: Server;
  /** Its loop has ended. */
  isOver: boolean;
}

/** Starts a worker a server; each failure that is no server's goes to `fail`. */
export function openFleet(run: GenerateRun, fail: (error: unknown) => void): Fleet {
  const workers = new Map<string, Worker>();
  const running = new Set<Promise<void>>();
  adoptOrphans(run);
  const adopted = Map.groupBy(run.queries.submitted(), (job) => job.server);

  async function serve(url: string, worker: Worker, jobs: readonly SubmittedJob[]): Promise<void> {
    try {
      await worker.server.serve(jobs);
    } catch (error) {
      fail(error);
    }
    worker.isOver = true; // Also where its credentials were refused: other ones in the configuration start it again.
    if (!worker.server.hasLeft()) return;
    workers.delete(url);
    run.gone(url);
    run.log.info(`${url} left the configuration, and nothing of ours is there any more`);
  }

  function start(url: string): void {
    const client = run.comfy.get(url);
    if (client === undefined) return;
    const worker: Worker = { server: openServer(client, run), isOver: false };
    workers.set(url, worker);
    run.progress.setState(url, "not seen yet");
    const jobs: readonly SubmittedJob[] = adopted.get(url) ?? [];
    adopted.delete(url);
    const work = serve(url, worker, jobs).finally(() => running.delete(work));
    running.add(work);
  }

  /** Takes the client of the changed configuration: other headers. */
  function renew(url: string, { server, isOver }: Worker, client: ComfyClient): void {
    if (isOver) start(url);
    else server.renew(client);
  }

  return {
    sync(drained) {
      for (const url of run.comfy.keys()) if (run.comfy.isConfigured(url) && !workers.has(url)) start(url);
      for (const [url, worker] of workers) {
        const client = run.comfy.get(url);
        if (client !== undefined && !worker.server.isOf(client)) renew(url, worker, client);
        worker.server.drain({ leaves: !run.comfy.isConfigured(url), wanted: drained.has(url) });
      }
    },
    isHeldByPeople: () => workers.size > 0 && [...workers.values()].every(({ server }) => server.isHeldByPeople()),
    ended: async () => {
      await Promise.all(running);
    },
  };
}

/** Jobs out since an earlier run at a server that left the configuration are planned again: nobody can be asked. */
function adoptOrphans(run: GenerateRun): void {
  for (const [url, jobs] of Map.groupBy(run.queries.submitted(), (job) => job.server)) {
    if (run.comfy.isConfigured(url)) continue;
    run.log.warn(`${url} is no longer in the configuration: its ${jobs.length} unfinished jobs go elsewhere and may run twice`);
    for (const job of jobs) run.jobs.planAgain(job, "ambiguous_submissions");
  }
}
