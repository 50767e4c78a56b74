import type { Context } from "../../../context.ts";
import type { ExportSnapshot } from "../../../db/queries/export/export-snapshot.ts";
import type { Exporter } from "../../../exporters/row.ts";
import type { ObjectStore } from "../../../stores/object-store.ts";
import type { SplitRatios } from "../split.ts";
import type { Since } from "../versions/since.ts";
import type { Spool } from "./spool.ts";

/** What the parts of making a version share. */
export interface MakeNeeds extends Pick<Context, "config" | "judges" | "log" | "clock" | "signal"> {
  readonly snapshot: ExportSnapshot;
  readonly spool: Spool;
  readonly exporter: Exporter;
  readonly ratios: SplitRatios;
  readonly complete: boolean;
  /** Also writes `croissant.json`. */
  readonly croissant: boolean;
  /** What only new rows are added to. */
  readonly since: Since | null;
  /** Opens the store that the images lie in: what carries no image never reads it. */
  openImages(): Promise<ObjectStore>;
  /** Shards compressed at a time; changes no byte. */
  readonly workers: number;
  /** Throws where the export is to stop. */
  readonly checkpoint: () => Promise<void>;
}
