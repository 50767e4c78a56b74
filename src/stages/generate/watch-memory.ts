import { freeDiskBytes } from "../../lib/free-disk.ts";
import { diskShortageOf } from "./disk-shortage.ts";
import type { GenerateRun } from "./run.ts";
import { shortageOf } from "./room.ts";
import type { ServerState } from "./server-state.ts";

/** Between two looks at a server's memory and disk, ms. */
const LOOK_INTERVAL_MS = 5_000;

/**
 * Looks whether a server has the memory and the disk that the configuration wants free. Where memory is short and nothing of ours is
 * there, it is asked to unload what it keeps: that may be what we left there ourselves.
 */
export async function watchMemory(server: ServerState, run: GenerateRun): Promise<void> {
  const { min_free_vram_mb: minFreeVramMb, min_free_ram_mb: minFreeRamMb } = run.config.generate;
  const nowMs = run.clock.nowMs();
  const { url } = server.client;
  const folder = run.comfy.outputDir(url);
  const hasMarks = minFreeVramMb > 0 || minFreeRamMb > 0;
  if ((!hasMarks && folder === null) || nowMs - server.statsAtMs < LOOK_INTERVAL_MS) return;
  server.statsAtMs = nowMs;
  const before = server.shortage;
  const memory = hasMarks ? shortageOf(await server.client.systemStats(run.signal), { minFreeVramMb, minFreeRamMb }) : null;
  server.shortage = memory ?? (folder === null ? null : await diskShortageAt(folder, run));
  run.schedule.setOpen(url, server.shortage === null && !server.draining);
  if (server.shortage === null) {
    if (before !== null) run.log.info(`${url} has enough memory and disk again`);
    return;
  }
  if (before === null) run.log.warn(`${url} gets no new jobs for now: ${server.shortage}`);
  if (memory !== null && server.out.size === 0 && server.theirs === 0)
    await server.client.free({ unloadModels: true, freeMemory: true }, run.signal);
}

async function diskShortageAt(folder: string, { config }: Pick<GenerateRun, "config">): Promise<string | null> {
  const freeBytes = await freeDiskBytes(folder);
  return diskShortageOf({ freeBytes, minFreeDiskMb: config.generate.min_free_disk_mb, reclaims: config.harvest.reclaim });
}
