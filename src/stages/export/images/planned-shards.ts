import type { Config } from "../../../config/schema.ts";
import type { TableQueries } from "../../../db/queries/export/export-tables.ts";
import type { ImageFormat } from "../../../exporters/image-format.ts";
import type { PlannedSplit } from "../rows/plan-rows.ts";
import { shardSizes } from "../rows/shards.ts";

/** A shard is closed once its pairs have so many bytes in the store: few files for millions of images, and each is sent again within minutes. */
const SHARD_BYTES = 256 * 1024 * 1024;

export interface ShardPlanNeeds {
  readonly queries: Pick<TableQueries, "pairBytesOf">;
  readonly shards: Config["export"]["shards"];
  /** Ids of the rows of a split in their order, some at a time. */
  readonly rowIdsOf: (split: PlannedSplit) => Iterable<readonly string[]>;
  /** Throws where the export is to stop. */
  readonly checkpoint: () => Promise<void>;
}

/** Rows a shard. Cut by the bytes that are stored, which the database knows, so that the number of shards stands before the first is written. */
export async function plannedShards(
  { sharded }: Pick<ImageFormat, "sharded">,
  { queries, shards, rowIdsOf, checkpoint }: ShardPlanNeeds,
  planned: PlannedSplit,
): Promise<readonly number[]> {
  if (!sharded) return [planned.rows];
  if (shards !== "auto") return shardSizes(planned.rows, shards);
  const sizes: number[] = [];
  let rows = 0;
  let sizeBytes = 0;
  for (const rowIds of rowIdsOf(planned)) {
    await checkpoint();
    for (const rowBytes of queries.pairBytesOf(rowIds)) {
      sizeBytes += rowBytes;
      rows++;
      if (sizeBytes < SHARD_BYTES) continue;
      sizes.push(rows);
      rows = 0;
      sizeBytes = 0;
    }
  }
  return rows > 0 ? [...sizes, rows] : sizes;
}
