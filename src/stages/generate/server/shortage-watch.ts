import { TransientError } from "../../../errors.ts";
import { freeDiskBytes } from "../../../lib/system.ts";
import type { GenerateRun } from "../run.ts";
import { shortageOf, diskShortageOf } from "../room.ts";
import type { ServerParts } from "./server-parts.ts";

/** Pause between two looks at a server's memory and disk, ms. */
const LOOK_INTERVAL_MS = 5_000;

export interface ShortageWatch {
  /** The reason why the server has too little memory or disk for more; null if it has enough. */
  shortage(): string | null;
  /** Looks again where that is due. @throws as the client does. */
  look(): Promise<void>;
}

/**
 * Looks whether a server has the memory and the disk that the configuration wants free. Where memory is short and nothing of ours is
 * there, it is asked to unload what it keeps: that may be what we left there ourselves. `onChange` is told each new answer.
 */
export function createShortageWatch(
  { url, contact, jobs, queue, run }: Omit<ServerParts<"clock" | "comfy" | "config" | "lastProgress" | "log" | "signal">, "fill" | "wake">,
  onChange: (shortage: string | null) => void,
): ShortageWatch {
  const { min_free_vram_mb: minFreeVramMb, min_free_ram_mb: minFreeRamMb } = run.config.generate;
  const hasMarks = minFreeVramMb > 0 || minFreeRamMb > 0;
  let shortage: string | null = null;
  let lookedAtMs = 0;

  async function unload(): Promise<void> {
    try {
      await contact.client().free({ unloadModels: true, freeMemory: true }, run.signal);
    } catch (error) {
      if (!(error instanceof TransientError) || error.answered !== "refused") throw error;
      run.log.info(`${url} cannot be asked to unload its models: ${error.message}`);
    }
  }

  return {
    shortage: () => shortage,
    async look() {
      const folder = run.comfy.outputDir(url);
      const nowMs = run.clock.nowMs();
      if ((!hasMarks && folder === null) || nowMs - lookedAtMs < LOOK_INTERVAL_MS) return;
      lookedAtMs = nowMs;
      const before = shortage;
      const memory = hasMarks ? shortageOf(await contact.client().systemStats(run.signal), { minFreeVramMb, minFreeRamMb }) : null;
      shortage = memory ?? (folder === null ? null : await diskShortageAt(folder, run));
      onChange(shortage);
      if (shortage === null) {
        if (before !== null) run.log.info(`${url} has enough memory and disk again`);
        return;
      }
      run.lastProgress.hindered(url, shortage);
      if (before === null) run.log.warn(`${url} gets no new jobs for now: ${shortage}`);
      if (memory !== null && jobs.count() === 0 && queue.foreignDepth() === 0) await unload();
    },
  };
}

async function diskShortageAt(folder: string, { config }: Pick<GenerateRun, "config">): Promise<string | null> {
  const freeBytes = await freeDiskBytes(folder);
  return diskShortageOf({ freeBytes, minFreeDiskMb: config.generate.min_free_disk_mb, reclaims: config.harvest.reclaim });
}
