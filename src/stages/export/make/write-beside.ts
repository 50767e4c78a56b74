import { tableQueries } from "../../../db/queries/export/export-tables.ts";
import type { RowLayout } from "../../../exporters/exporter.ts";
import { openImageFormat } from "../../../exporters/registry.ts";
import { SPLITS, splitter } from "../split/split.ts";
import type { CardFormat } from "../card/card-formats.ts";
import type { CardSample } from "../card/card-samples.ts";
import { groupKeyOf } from "../split/group-key.ts";
import type { MakeNeeds } from "./make-needs.ts";
import type { DataFile } from "./manifest.ts";
import { writeImages } from "../images/write-images.ts";
import { writeSamples } from "../images/write-samples.ts";
import type { PlannedSplit, RowPlan } from "../rows/plan-rows.ts";
import { readRows } from "../rows/read-rows.ts";
import { rowIdPages } from "../rows/row-id-pages.ts";
import { rowFacts } from "../rows/row.ts";
import type { SpooledFile } from "./spool.ts";
import { writeTables } from "./write-tables.ts";

/** What stands in a version beside its rows. */
export interface Beside {
  readonly dataFiles: readonly DataFile[];
  /** Images. */
  readonly otherFiles: readonly SpooledFile[];
  /** Table → reason → count. */
  readonly drops: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly samples: readonly CardSample[];
  readonly formats: readonly CardFormat[];
}

/** Writes the tables, the formats with images and the card's samples that the configuration asks for. To be called once an export. */
export async function writeBeside(
  needs: MakeNeeds,
  { plan, layout }: { readonly plan: RowPlan; readonly layout: RowLayout },
): Promise<Beside> {
  const { config, judges, log, snapshot, spool, ratios, checkpoint } = needs;
  const { formats: wanted, images } = config.export;
  const queries = tableQueries(snapshot.view, snapshot.scope);
  const facts = rowFacts(snapshot.variants(), judges);
  const placeOf = ({ split, front }: PlannedSplit) => ({ split: SPLITS.indexOf(split), front });
  const rowsOf = (planned: PlannedSplit) => readRows(snapshot, { ...placeOf(planned), facts, checkpoint });
  const rowIdsOf = (planned: PlannedSplit) => rowIdPages(snapshot, placeOf(planned));
  const splitOf = splitter(ratios);
  const source = { config, judges, layout, queries, rowsOf, checkpoint, planned: plan.splits, view: snapshot.view };
  const tables = await writeTables({ ...source, splitOf: (prompt) => SPLITS.indexOf(splitOf(groupKeyOf(prompt))) }, spool);

  const formats = await Promise.all([...new Set(wanted)].filter((format) => format !== "jsonl").map(openImageFormat));
  const samplesWanted = config.export.card.samples;
  if (formats.length === 0 && samplesWanted === 0) {
    return { dataFiles: tables.files, otherFiles: [], drops: tables.drops, samples: [], formats: [] };
  }
  const store = await needs.openImages();
  try {
    const { clock, signal } = needs;
    const reading = { ...source, rowIdsOf, store, clock, signal, spool, log, images, rows: plan.rows, shards: config.export.shards };
    const written = await writeImages(formats, reading);
    const samples = await writeSamples(samplesWanted, reading);
    return {
      dataFiles: [...tables.files, ...written.flatMap(({ dataFiles }) => dataFiles)],
      otherFiles: [...written.flatMap((format) => format.images), ...samples.flatMap(({ files }) => files)],
      drops: tables.drops,
      samples,
      formats: written.map(({ format: { format, about } }) => ({ format, about })),
    };
  } finally {
    await store.close();
  }
}
