import type { Exporter, LineFormat, Row, RowLayout } from "../../../exporters/row.ts";
import { SPLITS, type Split } from "../split.ts";
import type { ImageRuns } from "../make/image-runs.ts";
import type { MakeNeeds } from "../make/make-needs.ts";
import type { DataFile } from "../make/manifest.ts";
import type { PlannedSplit, RowPlan } from "./plan-rows.ts";
import { readRows } from "./read-rows.ts";
import { rowFacts } from "./row.ts";
import { scatterRows } from "./scatter-rows.ts";
import { shardPath, shardSizes } from "./split-files.ts";
import type { openStats } from "../card/stats.ts";

export interface ShardsToWrite {
  readonly plan: RowPlan;
  readonly layout: RowLayout;
  readonly stats: ReturnType<typeof openStats>;
  /** Takes the images of the rows. */
  readonly images: Pick<ImageRuns, "add">;
}

/** Writes every row of a plan into the spool, shard by shard, and counts it. */
export function writeShards(needs: MakeNeeds, wanted: ShardsToWrite): Promise<readonly DataFile[]> {
  const { lines } = needs.exporter;
  return lines === undefined ? writeInOrder(needs, wanted) : writeSorted(needs, { ...wanted, lines });
}

/** Makes lines in the order in which the database has them, sorts them on the disk, and compresses several shards at a time. */
async function writeSorted(needs: MakeNeeds, { plan, layout, stats, images, lines }: ShardsToWrite & { readonly lines: LineFormat }) {
  const { config, snapshot, spool, log, checkpoint, workers } = needs;
  const { gzip, shards } = config.export;
  using scattered = await scatterRows(
    {
      snapshot,
      facts: rowFacts(snapshot.variants(), needs.judges),
      layout,
      lineOf: lines.lineOf(layout),
      stats,
      images,
      checkpoint,
      progress: (done) => log.progress("export", { done, total: plan.rows, failed: 0 }),
    },
    { plan, shards, folder: spool.scratch("rows") },
  );
  const tasks = scattered.shards.map(({ split, index, count, rows, chunks }) => async (): Promise<DataFile> => {
    const path = pathOf(needs, { split, index, count });
    return { ...(await spool.write(path, lines.join(chunks(), { gzip }))), table: "default", split, rows };
  });
  return await inPool(tasks, { workers, checkpoint });
}

/** Answers in the order of the tasks. After a failure nothing new is begun, and what goes on is waited for: it uses what is taken away next. */
async function inPool<Result>(
  tasks: readonly (() => Promise<Result>)[],
  { workers, checkpoint }: Pick<MakeNeeds, "workers" | "checkpoint">,
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

/** For formats whose rows depend on each other. */
async function writeInOrder(needs: MakeNeeds, { plan, layout, stats, images }: ShardsToWrite): Promise<readonly DataFile[]> {
  const { config, snapshot, spool, exporter, log, checkpoint } = needs;
  const { gzip, shards } = config.export;
  const facts = rowFacts(snapshot.variants(), needs.judges);
  const dataFiles: DataFile[] = [];
  let done = 0;
  const counted = async function* ({ split, front }: PlannedSplit): AsyncGenerator<Row> {
    for await (const row of readRows(snapshot, { split: SPLITS.indexOf(split), front, facts, checkpoint })) {
      stats.add(row, split);
      log.progress("export", { done: ++done, total: plan.rows, failed: 0 });
      yield row;
    }
  };
  for (const image of snapshot.imagesOfRows()) images.add(image);
  for (const planned of plan.splits) {
    const { split } = planned;
    const sizes = shardSizes(planned.rows, shards);
    const rows = counted(planned);
    for (const [index, size] of sizes.entries()) {
      const path = pathOf(needs, { split, index, count: sizes.length });
      const file = await spool.write(path, exporter.encode(take(rows, size), { layout, gzip }));
      dataFiles.push({ ...file, table: "default", split, rows: size });
    }
  }
  return dataFiles;
}

interface ShardName {
  readonly split: Split;
  readonly index: number;
  readonly count: number;
}

function pathOf({ config, exporter }: { config: MakeNeeds["config"]; exporter: Exporter }, { split, index, count }: ShardName): string {
  return shardPath(split, { index, count, extension: exporter.extension({ gzip: config.export.gzip }) });
}

/** The next `count` of some rows; leaves the rest to be taken later. */
async function* take(rows: AsyncIterator<Row>, count: number): AsyncGenerator<Row> {
  for (let taken = 0; taken < count; taken++) {
    const next = await rows.next();
    if (next.done === true) throw new Error(`${count - taken} rows of a shard are missing`);
    yield next.value;
  }
}
