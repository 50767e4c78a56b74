import type { ComfyClient } from "../../comfy/client.ts";
import type { SubmittedJob } from "../../db/queries/jobs.ts";
import type { GenerateRun } from "./run.ts";
import { newServerState, type ServerState } from "./server-state.ts";
import { serveServer } from "./server-worker.ts";

/** The workers of all servers, which come and go. */
export interface Fleet {
  /** Starts workers for servers that are new in the pool, lets those end that left it, and drains what people want drained. */
  sync(drained: ReadonlySet<string>): void;
  /** True if some server answers, is trusted, and has something to do, or is kept from it by people. */
  isUsable(): boolean;
  /** Resolves when every worker has ended. */
  ended(): Promise<void>;
}

interface Worker extends ServerState {
  /** Its loop has ended. */
  isOver: boolean;
}

/** Starts a worker a server; each failure that is no server's goes to `fail`. */
export function openFleet(run: GenerateRun, fail: (error: unknown) => void): Fleet {
  const workers = new Map<string, Worker>();
  const running = new Set<Promise<void>>();
  adoptOrphans(run);
  const adopted = Map.groupBy(run.queries.submitted(), (job) => job.server);

  async function serve(url: string, server: Worker, jobs: readonly SubmittedJob[]): Promise<void> {
    try {
      await serveServer(server, run, jobs);
    } catch (error) {
      fail(error);
    }
    server.isOver = true; // Also where its credentials were refused: other ones in the configuration start it again.
    if (!server.leaving) return;
    workers.delete(url);
    run.gone(url);
    run.log.info(`${url} left the configuration, and nothing of ours is there any more`);
  }

  function start(url: string): void {
    const client = run.comfy.get(url);
    if (client === undefined) return;
    const server: Worker = { ...newServerState(client, run.clock.nowMs()), isOver: false };
    workers.set(url, server);
    run.progress.setState(url, "not seen yet");
    const jobs: readonly SubmittedJob[] = adopted.get(url) ?? [];
    adopted.delete(url);
    const work = serve(url, server, jobs).finally(() => running.delete(work));
    running.add(work);
  }

  /** Takes the client of the changed configuration: other headers. */
  function renew(url: string, server: Worker, client: ComfyClient): void {
    if (server.isOver) return start(url);
    server.client = client;
    server.unusable = null;
    server.events?.close();
    server.events = null;
    run.servers.serverRenewed(url);
    server.wake();
  }

  function drain(url: string, server: ServerState, { leaves, wanted }: { readonly leaves: boolean; readonly wanted: boolean }): void {
    if (leaves && !server.leaving)
      run.log.info(`${url} left the configuration: it gets no more jobs, and the ${server.out.size} that are there are waited for`);
    server.leaving = leaves;
    const draining = leaves || wanted;
    if (draining === server.draining) return;
    server.draining = draining;
    run.schedule.setOpen(url, !draining && server.shortage === null);
    if (!leaves) run.log.info(draining ? `${url} is drained: it gets no more jobs until it is resumed` : `${url} is resumed`);
    run.progress.setState(url, draining ? "drained" : run.servers.isUp(url) ? "up" : "not seen yet");
    server.wake();
  }

  return {
    sync(drained) {
      for (const url of run.comfy.keys()) if (run.comfy.isConfigured(url) && !workers.has(url)) start(url);
      for (const [url, server] of workers) {
        const client = run.comfy.get(url);
        if (client !== undefined && client !== server.client) renew(url, server, client);
        drain(url, server, { leaves: !run.comfy.isConfigured(url), wanted: drained.has(url) });
      }
    },
    isUsable: () =>
      [...workers].some(([url, server]) => {
        if (server.draining && !server.leaving) return true;
        if (!run.servers.isUp(url) || run.health.whyLatched(url) !== undefined) return false;
        const isBusy = server.out.size > 0 || server.shortage !== null || (server.theirs ?? 0) > 0;
        return isBusy || run.schedule.hasFor(url) || !run.queries.anyPlanned();
      }),
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
