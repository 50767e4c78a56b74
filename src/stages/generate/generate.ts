import { ensureDataset } from "../../db/queries/overview/dataset.ts";
import { listServers } from "../../db/queries/jobs/servers.ts";
import { FatalError } from "../../errors.ts";
import { pause } from "../../lib/clock.ts";
import { openFleet, type Fleet } from "./fleet.ts";
import { readHeldBack } from "./held-back.ts";
import { createRun, type GenerateNeeds, type GenerateRun } from "./run.ts";
import type { StageReport, Upstream } from "../stage.ts";

/** How long to wait for the first server to answer, ms. Source: README, "Exit codes". */
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

/** Resolves when nothing is left to do, or everything in flight is settled after a stop. Rejects when no server can be used for too long. */
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
