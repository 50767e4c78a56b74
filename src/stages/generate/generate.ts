import { ensureDataset } from "../../db/queries/overview/dataset.ts";
import { listServers } from "../../db/queries/jobs/servers.ts";
import { FatalError } from "../../errors.ts";
import { pause } from "../../lib/clock.ts";
import { createRun, type GenerateNeeds, type GenerateRun } from "./run.ts";
import type { StageReport, Upstream } from "../stage.ts";
import { readHeldBack } from "./variant-cache.ts";
import type { ComfyClient } from "../../comfy/client/client.ts";
import type { SubmittedJob } from "../../db/queries/jobs/jobs.ts";
import { openServer, type Server } from "./server/server.ts";

/** Longest wait for the first answer of any server, ms. After it the run ends with exit 1. */
const FIRST_SERVER_TIMEOUT_MS = 30_000;
const CHECK_INTERVAL_MS = 1_000;
/** A server that answers one question badly is back in a moment; one away for longer is not waited for when the run is to stop, ms. */
const AWAY_MS = 10_000;

/**
 * Keeps every server fed until all planned jobs have run.
 * Reads jobs, prompts, variants, servers (wanted), job_failures. Writes jobs, images (listed), servers, job_failures, variants.
 * Resumes by asking each server for the jobs that were submitted to it. Fails with FatalError where no server can be used.
 */
export async function generate(needs: GenerateNeeds, upstream: Upstream): Promise<StageReport> {
  const { promptIdNamespace } = ensureDataset(needs.db, { name: needs.config.dataset, nowMs: needs.clock.nowMs() });
  const heldBack = await readHeldBack(needs.config);
  const finished = new AbortController();
  let failure: { readonly error: unknown } | null = null;
  const fail = (error: unknown): void => {
    failure ??= { error };
    finished.abort();
  };
  let changed: () => void = () => undefined;
  const run: GenerateRun = createRun(needs, {
    promptIdNamespace,
    heldBack,
    finished: finished.signal,
    fail,
    // While anything is out there is nothing to decide here.
    changed: () => (outNow(run) === 0 ? changed() : undefined),
  });
  const before = run.queries.counts();
  const unwatched = new AbortController();
  const fleet = openFleet(run, fail);
  try {
    const nextChange = (): Promise<void> => new Promise((resolve) => (changed = resolve));
    const watched = needs.lastProgress.watch({
      until: AbortSignal.any([unwatched.signal, finished.signal]),
      isWaiting: () => run.queries.anyOpen() && !fleet.isHeldByPeople(),
      causes: () => [...run.servers.downReasons, ...run.servers.refusals],
    });
    watched.catch(fail); // At once: it ends the other.
    await untilDone(needs, { run, fleet, upstream, nextChange });
  } catch (error) {
    fail(error);
  } finally {
    unwatched.abort();
    finished.abort();
    await fleet.ended();
  }
  if (failure !== null) throw (failure as { readonly error: unknown }).error; // TypeScript does not see the assignment in the closure.
  const after = run.queries.counts();
  return { stage: "generate", done: after.done - before.done, failed: after.failed - before.failed, stopped: needs.stopping.aborted };
}

interface Ending {
  readonly run: GenerateRun;
  readonly fleet: Fleet;
  readonly upstream: Upstream;
  /** Resolves at the next change in what is in flight. */
  readonly nextChange: () => Promise<void>;
}

/**
 * Resolves when nothing is left to do, or everything in flight is settled after a stop. Rejects when no server can be used for too long.
 */
async function untilDone(needs: GenerateNeeds, { run, fleet, upstream, nextChange }: Ending): Promise<void> {
  const { clock, db } = needs;
  const startedAtMs = clock.nowMs();
  let everUp = false;
  let looksAtMs = 0;
  while (!run.finished.aborted && !run.signal.aborted) {
    if (clock.nowMs() >= looksAtMs) {
      looksAtMs = clock.nowMs() + CHECK_INTERVAL_MS;
      fleet.sync(new Set(listServers(db).flatMap(({ url, wanted }) => (wanted === "drain" ? [url] : []))));
      run.schedule.look();
    }
    everUp ||= run.servers.anyUp() || fleet.isHeldByPeople();
    const isIdle = outNow(run) === 0;
    if (isIdle && needs.stopping.aborted) return;
    // Read before anyOpen: a job that harvest plans again in between would be missed the other way round.
    const moreToCome = upstream.moreToCome();
    if (isIdle && !run.queries.anyOpen() && !moreToCome) return;
    if (!everUp && clock.nowMs() - startedAtMs > FIRST_SERVER_TIMEOUT_MS) throw noServer(run, FIRST_SERVER_TIMEOUT_MS);
    await pause(clock, { delayMs: CHECK_INTERVAL_MS, until: nextChange(), signal: AbortSignal.any([run.finished, run.signal]) });
  }
}

/** Jobs out that a stop waits for: not those of servers that have been away for a while, which the next run asks for. */
function outNow({ schedule, servers }: GenerateRun): number {
  return schedule.totalInFlight((url) => servers.isUp(url) || servers.downForMs(url) < AWAY_MS);
}

function noServer(run: GenerateRun, patienceMs: number): FatalError {
  const reasons = [...run.servers.downReasons, ...run.servers.refusals].map(([url, why]) => `${url}: ${why}`).join("; ");
  return new FatalError(`Cannot use any ComfyUI server for ${Math.round(patienceMs / 1_000)} s: ${reasons}`, {
    hint: "start ComfyUI (python main.py --listen), check servers[].url, then run the same command again: it continues",
  });
}

/** The workers of all servers, which come and go. */
interface Fleet {
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
function openFleet(run: GenerateRun, fail: (error: unknown) => void): Fleet {
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
