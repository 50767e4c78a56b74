export interface RoomFacts {
  readonly window: number;
  /** Our jobs out at the server. */
  readonly ours: number;
  /** Other people's, as the queue was last seen. */
  readonly foreign: number;
  /** The reason why its memory is too low to take more, if it is. */
  readonly shortage: string | null;
  /** It is being tried with one job. */
  readonly isProbe: boolean;
}

/** Returns how many more jobs a server may get. A server that people share is not flooded. */
export function roomOf({ window, ours, foreign, shortage, isProbe }: RoomFacts): number {
  if (shortage !== null) return 0;
  return Math.max(0, (isProbe ? 1 : window) - ours - foreign);
}

export interface MemoryMarks {
  /** 0: not looked at. */
  readonly minFreeVramMb: number;
  readonly minFreeRamMb: number;
}

const MB = 1e6;

/**
 * Says why there is too little memory, null if there is enough. Newer servers list every device of the machine: the first is the one that
 * they use.
 */
export function shortageOf(
  stats: { readonly ramFreeBytes: number; readonly devices: readonly { readonly name: string; readonly vramFreeBytes: number }[] },
  { minFreeVramMb, minFreeRamMb }: MemoryMarks,
): string | null {
  const [used] = stats.devices;
  if (used !== undefined && used.vramFreeBytes < minFreeVramMb * MB)
    return `${Math.round(used.vramFreeBytes / MB)} MB of VRAM free on ${used.name}, under ${minFreeVramMb}`;
  if (stats.ramFreeBytes < minFreeRamMb * MB) return `${Math.round(stats.ramFreeBytes / MB)} MB of RAM free, under ${minFreeRamMb}`;
  return null;
}

interface DiskFacts {
  /** Free for us, bytes; null: it could not be looked at. */
  readonly freeBytes: number | null;
  /** 0: not looked at. */
  readonly minFreeDiskMb: number;
  /** True if harvest makes room there by itself. */
  readonly reclaims: boolean;
}

/** Says why a server's output folder is too full for more images, null if it is not. A folder that cannot be looked at stops nobody. */
export function diskShortageOf({ freeBytes, minFreeDiskMb, reclaims }: DiskFacts): string | null {
  if (freeBytes === null || freeBytes >= minFreeDiskMb * MB) return null;
  const way = reclaims ? "harvest makes room as it stores images" : "free space there, or set harvest.reclaim: true";
  return `${Math.floor(freeBytes / MB)} MB free in its output folder, under ${minFreeDiskMb} (generate.min_free_disk_mb): ${way}`;
}
