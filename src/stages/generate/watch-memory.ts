import type { GenerateRun } from "./run.ts";
import { shortageOf } from "./room.ts";
import type { ServerState } from "./server-state.ts";

/** Between two looks at a server's memory, ms. */
const LOOK_INTERVAL_MS = 5_000;

/**
 * Looks whether a server has the memory that the configuration wants free. Where it has not and nothing of ours is there, it is asked to
 * unload what it keeps: that may be what we left there ourselves.
 */
export async function watchMemory(server: ServerState, run: GenerateRun): Promise<void> {
  const { min_free_vram_mb: minFreeVramMb, min_free_ram_mb: minFreeRamMb } = run.config.generate;
  const nowMs = run.clock.nowMs();
  if ((minFreeVramMb === 0 && minFreeRamMb === 0) || nowMs - server.statsAtMs < LOOK_INTERVAL_MS) return;
  server.statsAtMs = nowMs;
  const { url } = server.client;
  const before = server.shortage;
  server.shortage = shortageOf(await server.client.systemStats(run.signal), { minFreeVramMb, minFreeRamMb });
  if (server.shortage === null) {
    if (before !== null) run.log.info(`${url} has enough memory again`);
    return;
  }
  if (before === null) run.log.warn(`${url} gets no new jobs for now: ${server.shortage}`);
  if (server.out.size === 0 && server.theirs === 0) await server.client.free({ unloadModels: true, freeMemory: true }, run.signal);
}
