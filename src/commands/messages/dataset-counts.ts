import type { Context } from "../../context.ts";
import { linkedCounts, type LinkedCounts } from "../../db/queries/annotate/linked-counts.ts";
import { summarize, type Summary } from "../../db/queries/overview/summary.ts";

/** The numbers of the last event of --json, for every command that has a dataset. */
export function datasetCounts({ db, config }: Pick<Context, "db" | "config">): Summary & LinkedCounts {
  return { ...summarize(db), ...linkedCounts(db, config.export.pairs) };
}
