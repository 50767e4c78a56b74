import { ensureDataset } from "../db/queries/dataset.ts";
import type { SubmittedJob } from "../db/queries/jobs.ts";
import { FatalError } from "../errors.ts";
import { pause } from "../lib/pause.ts";
import { createRun, type GenerateNeeds, type GenerateRun } from "./generate/run.ts";
import { serveServer } from "./generate/server-worker.ts";
import type { StageReport, Upstream } from "./stage.ts";

/** How long to wait for the first server to answer, ms. Source: README, "Exit codes". */
const FIRST_SERVER_TIMEOUT_MS = 30_000;
const CHECK_INTERVAL_MS = 1_000;

/**
 * Keeps every server fed until all planned jobs have run.
 * Reads jobs, prompts, variants. Writes jobs, images (listed), servers. Resumes by asking each server for the jobs that were
 * submitted to it. Fails with FatalError where no server can be reached.
 */
export async function generate(needs: GenerateNeeds, upstream: Upstream): Promise<StageReport> {
  const { datasetId } = ensureDataset(needs.db, { name: needs.config.dataset, nowMs: needs.clock.nowMs() });
  const finished = new AbortController();
  let failure: { readonly error: unknown } | null = null;
  const fail = (error: unknown): void => {
    failure ??= { error };
    finished.abort();
  };
  let changed: () => void = () => undefined;
  const run = createRun(needs, { datasetId, finished: finished.signal, fail, changed: () => changed() });
  const before = run.jobs.counts();
  const adopted = adoptSubmitted(needs, run);
  const workers = [...needs.comfy.values()].map((client) => serveServer(client, run, adopted.get(client.url) ?? []).catch(fail));
  try {
    await untilDone(needs, { run, upstream, nextChange: () => new Promise((resolve) => (changed = resolve)) });
  } catch (error) {
    fail(error);
  } finally {
    finished.abort();
    await Promise.all(workers);
  }
  if (failure !== null) throw (failure as { readonly error: unknown }).error; // TypeScript does not see the assignment in the closure.
  const after = run.jobs.counts();
  return { stage: "generate", done: after.done - before.done, failed: after.failed - before.failed, stopped: needs.stopping.aborted };
}

/** Jobs out since an earlier run, by server. Those at a server that left the configuration are planned again: nobody can be asked. */
function adoptSubmitted(needs: GenerateNeeds, run: GenerateRun): ReadonlyMap<string, readonly SubmittedJob[]> {
  const byServer = Map.groupBy(run.jobs.submitted(), (job) => job.server);
  const known = new Set([...needs.comfy.values()].map((client) => client.url));
  for (const [url, jobs] of byServer) {
    if (known.has(url)) continue;
    needs.log.warn(`${url} is no longer in the configuration: its ${jobs.length} unfinished jobs go elsewhere and may run twice`);
    for (const job of jobs) run.ambiguous(job);
    byServer.delete(url);
  }
  return byServer;
}

interface Ending {
  readonly run: GenerateRun;
  readonly upstream: Upstream;
  /** Resolves at the next change in what is in flight. */
  readonly nextChange: () => Promise<void>;
}

/** Resolves when nothing is left to do, or everything in flight is settled after a stop. Rejects when no server answers for too long. */
async function untilDone(needs: GenerateNeeds, { run, upstream, nextChange }: Ending): Promise<void> {
  const { config, clock } = needs;
  let everUp = false;
  let lastUpMs = clock.nowMs();
  while (!run.finished.aborted && !needs.signal.aborted) {
    if (run.schedule.upCount() > 0) {
      everUp = true;
      lastUpMs = clock.nowMs();
    }
    const isIdle = run.schedule.totalInFlight() === 0;
    if (isIdle && needs.stopping.aborted) return;
    // Read before anyOpen: a job that harvest plans again in between would be missed the other way round.
    const moreToCome = upstream.moreToCome();
    if (isIdle && !run.jobs.anyOpen() && !moreToCome) return;
    if (moreToCome) run.schedule.moreWork();
    const patienceMs = everUp ? config.generate.give_up_s * 1_000 : FIRST_SERVER_TIMEOUT_MS;
    if (clock.nowMs() - lastUpMs > patienceMs) throw noServer(run, patienceMs);
    await pause(clock, { delayMs: CHECK_INTERVAL_MS, until: nextChange(), signal: AbortSignal.any([run.finished, run.signal]) });
  }
}

function noServer(run: GenerateRun, patienceMs: number): FatalError {
  const reasons = [...run.downReasons.values()].join("; ");
  return new FatalError(`Cannot reach any ComfyUI server for ${Math.round(patienceMs / 1_000)} s: ${reasons}`, {
    hint: "start ComfyUI (python main.py --listen), check servers[].url, then run the same command again: it continues",
  });
}
