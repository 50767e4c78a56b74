const MB = 1e6;

export interface DiskFacts {
  /** Free for us, bytes; null: it could not be looked at. */
  readonly freeBytes: number | null;
  /** 0: not looked at. */
  readonly minFreeDiskMb: number;
  /** Whether harvest makes room there by itself. */
  readonly reclaims: boolean;
}

/** Why a server's output folder is too full for more images, null where it is not. A folder that cannot be looked at stops nobody. */
export function diskShortageOf({ freeBytes, minFreeDiskMb, reclaims }: DiskFacts): string | null {
  if (freeBytes === null || freeBytes >= minFreeDiskMb * MB) return null;
  const way = reclaims ? "harvest makes room as it stores images" : "free space there, or set harvest.reclaim: true";
  return `${Math.floor(freeBytes / MB)} MB free in its output folder, under ${minFreeDiskMb} (generate.min_free_disk_mb): ${way}`;
}
