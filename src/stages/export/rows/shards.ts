/** Up to this many rows a split is one file. */
const ONE_SHARD_ROWS = 10_000;
/** Beyond it: enough files for the data loader workers of a few machines. */
const AUTO_SHARDS = 16;

/** Sizes of a split's shards: contiguous, as equal as they can be, larger ones first, never empty. */
export function shardSizes(rows: number, shards: number | "auto"): readonly number[] {
  const wanted = shards === "auto" ? (rows <= ONE_SHARD_ROWS ? 1 : AUTO_SHARDS) : shards;
  const count = Math.min(wanted, rows);
  return Array.from({ length: count }, (_, index) => Math.floor(rows / count) + (index < rows % count ? 1 : 0));
}

export interface ShardPlace {
  readonly index: number;
  readonly count: number;
  readonly extension: string;
  /** Default: that of the rows. */
  readonly folder?: string;
}

/** `data/train-00000-of-00016.jsonl`: the name from which loaders tell split and shard. */
export function shardPath(split: string, { index, count, extension, folder = "data" }: ShardPlace): string {
  const fiveDigits = (number: number): string => String(number).padStart(5, "0");
  return `${folder}/${split}-${fiveDigits(index)}-of-${fiveDigits(count)}.${extension}`;
}
