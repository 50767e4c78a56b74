import type { Context } from "../../../context.ts";
import type { ExportSnapshot } from "../../../db/queries/export/export-snapshot.ts";
import { jsonlExtension, jsonlFile } from "../../../exporters/jsonl.ts";
import type { RowLayout } from "../../../exporters/row.ts";
import { rowColumns, rowJson } from "../../../exporters/row-columns.ts";
import type { openStats } from "../card/stats.ts";
import type { ImageRuns } from "../make/image-runs.ts";
import type { DataFile } from "../make/manifest.ts";
import type { Spool } from "../make/spool.ts";
import type { RowPlan } from "./plan-rows.ts";
import { rowFacts } from "./row.ts";
import { scatterRows } from "./scatter-rows.ts";
import { dataPath } from "./split-files.ts";

export interface WriteRowsNeeds extends Pick<Context, "config" | "judges" | "log"> {
  readonly snapshot: ExportSnapshot;
  readonly spool: Spool;
  /** Files compressed at a time. Changes no byte. */
  readonly workers: number;
  /** Throws where the export is to stop. */
  readonly checkpoint: () => Promise<void>;
}

export interface RowsToWrite {
  readonly plan: RowPlan;
  readonly layout: RowLayout;
  readonly stats: ReturnType<typeof openStats>;
  /** Takes the images of the rows. */
  readonly images: Pick<ImageRuns, "add">;
}

/**
 * Writes every row of a plan into the spool, and counts it in `stats`. Lines are made in the order in which the database has them, sorted
 * on
 * the disk, and compressed several files at a time.
 */
export async function writeRows(needs: WriteRowsNeeds, { plan, layout, stats, images }: RowsToWrite): Promise<readonly DataFile[]> {
  const { config, snapshot, spool, log, checkpoint, workers } = needs;
  const { gzip, shards } = config.export;
  const columns = rowColumns(layout);
  using scattered = await scatterRows(
    {
      snapshot,
      facts: rowFacts(snapshot.variants(), needs.judges),
      layout,
      lineOf: (row) => rowJson(columns, row),
      stats,
      images,
      checkpoint,
      progress: (done) => log.progress("export", { done, total: plan.rows, failed: 0 }),
    },
    { plan, files: shards, folder: spool.scratch("rows") },
  );
  const tasks = scattered.files.map(({ split, index, count, rows, chunks }) => async (): Promise<DataFile> => {
    const path = dataPath(split, { index, count, extension: jsonlExtension({ gzip }) });
    return { ...(await spool.write(path, jsonlFile(chunks(), { gzip }))), table: "default", split, rows };
  });
  return await runPool(tasks, { workers, checkpoint });
}

/**
 * Runs tasks, `workers` at a time, and returns their results in the order of the tasks. After a failure no task is begun, and the running
 * ones
 * are waited for, because they use files that the caller then removes.
 */
async function runPool<Result>(
  tasks: readonly (() => Promise<Result>)[],
  { workers, checkpoint }: Pick<WriteRowsNeeds, "workers" | "checkpoint">,
): Promise<readonly Result[]> {
  const results: Result[] = [];
  const left = tasks.entries();
  let hasFailed = false;
  const work = async (): Promise<void> => {
    for (const [index, task] of left) {
      if (hasFailed) return;
      try {
        await checkpoint();
        results[index] = await task();
      } catch (error) {
        hasFailed = true;
        throw error;
      }
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: workers }, work));
  for (const end of ends) if (end.status === "rejected") throw end.reason;
  return results;
}
