import type { Context } from "../../../context.ts";
import type { ExportedImage } from "../../../db/queries/export/row-records.ts";
import { jsonlExtension } from "../../../exporters/jsonl.ts";
import type { ObjectStore } from "../../../stores/object-store.ts";
import type { Config } from "../../../config/schema.ts";
import type { ExportSnapshot } from "../../../db/queries/export/export-snapshot.ts";
import { ConfigError } from "../../../errors.ts";
import type { RowLayout } from "../../../exporters/row.ts";
import { countTechnicalRows, findTechnicalSources, readCombination } from "../../annotate/link/link-rules.ts";
import { cardText, type CardFacts, type CardFormat, type CardSample } from "../card/card.ts";
import { checksumsText, CHECKSUMS, sha256Of } from "./checksums.ts";
import { CROISSANT, croissantText } from "../card/croissant.ts";
import { imagesCsv } from "./images-csv.ts";
import { openImageRuns, type ImageRuns } from "./image-runs.ts";
import { contentDigest, type VersionContent } from "../versions/content-digest.ts";
import type { DataFile, MadeByCounts, VersionCounts } from "./manifest.ts";
import { INDEX, indexText, partSection, STALE, staleCsv, type StaleCounts } from "./part-files.ts";
import { planRows, type RowPlan, type PlannedSplit } from "../rows/plan-rows.ts";
import { rowFacts } from "../rows/row.ts";
import { rowSchemaText, schemaPath } from "../tables/registry.ts";
import { refuseNewColumns, type Since } from "../versions/since.ts";
import type { Spool, SpooledFile } from "./spool.ts";
import { openStats, type SeedRange } from "../card/stats.ts";
import { writeRows, type WriteRowsNeeds } from "../rows/write-rows.ts";
import { tableQueries } from "../../../db/queries/export/export-tables.ts";
import { loadImageFormat } from "../../../exporters/registry.ts";
import { SPLITS, splitter, computeGroupKey, type SplitRatios } from "../split.ts";
import { writeImages } from "../images/write-images.ts";
import { writeSamples } from "../images/write-samples.ts";
import { readRows, rowIdPages } from "../rows/read-rows.ts";
import { writeTables } from "../tables/write-tables.ts";
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** `download.py` is beside `src` in the repository and beside `dist` in the package. */
const DOWNLOAD_SCRIPT = join(import.meta.dirname, "../../../../templates/download.py");

/** What making a version needs. */
export interface MakeNeeds extends WriteRowsNeeds, Pick<Context, "clock" | "signal"> {
  readonly ratios: SplitRatios;
  readonly complete: boolean;
  /** Also writes `croissant.json`. */
  readonly croissant: boolean;
  /** Of a part: what only new rows are added to. */
  readonly since: Since | null;
  /** Opens the store of the images. A version that carries no image never reads it. */
  openImages(): Promise<ObjectStore>;
}

/** Unit → reason → count. */
export type Drops = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** A whole version in the spool, but for its manifest. */
export interface MadeVersion {
  readonly dataFiles: readonly DataFile[];
  /** All files, in the order in which they are published. */
  readonly files: readonly SpooledFile[];
  /** Does not depend on where the store lies: see contentDigest(). */
  readonly contentSha256: string;
  /** SHA-256 (hex) of SHA256SUMS. */
  readonly checksumsSha256: string;
  readonly layout: RowLayout;
  readonly counts: VersionCounts;
  /** Rows by source. */
  readonly sources: Readonly<Record<string, number>>;
  readonly technical: readonly (readonly [source: string, count: number])[];
  readonly seeds: SeedRange;
  readonly madeBy: MadeByCounts;
}

export type Made = {
  readonly drops: Drops;
  /** Counts of the rows that earlier versions have. Null for a whole version. */
  readonly stale: StaleCounts | null;
} & ({ readonly made: MadeVersion } | { readonly made: null });

/** Files of a version beside its rows. */
interface Beside {
  readonly dataFiles: readonly DataFile[];
  /** Images. No loader opens them as rows. */
  readonly otherFiles: readonly SpooledFile[];
  /** Table → reason → count. */
  readonly drops: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly samples: readonly CardSample[];
  readonly formats: readonly CardFormat[];
}

/**
 * Makes the files of a version in the spool. Equal database and configuration give equal bytes. `made` is null where there is no row.
 * @throws {ConfigError} for a seed that rows cannot carry as a number.
 */
export async function makeVersion(needs: MakeNeeds): Promise<Made> {
  const { config, snapshot, spool, ratios, since } = needs;
  const { fields, seed_format: seedFormat } = config.export;
  let stale: StaleCounts | null = null;
  const narrow = async (): Promise<Readonly<Record<string, number>>> => {
    const narrowed = await since?.narrow(snapshot, rowFacts(snapshot.variants(), needs.judges));
    stale = narrowed?.stale ?? null;
    return narrowed?.dropped ?? {};
  };
  const plan = await planRows(snapshot, { ratios, fields, narrow, checkpoint: needs.checkpoint });
  const linkDrops = countDrops(snapshot, plan);
  if (plan.rows === 0) return { made: null, drops: linkDrops, stale };

  const layout = chooseLayout(needs, plan);
  const stats = openStats(plan.ranges);
  using images = openImageRuns(spool.scratch("images"));
  const rowFiles = await writeRows(needs, { plan, layout, stats, images });
  // The seeds are known now. Looking for a large one before would read all jobs once more.
  if (seedFormat === "number" && !Number.isSafeInteger(Number(stats.seeds()?.max ?? 0))) refuseLargeSeeds(snapshot);
  const beside = await writeBeside(needs, { plan, layout });
  const dataFiles = [...rowFiles, ...beside.dataFiles];
  const drops = { ...linkDrops, ...beside.drops };
  const { file: imageList, counts: listed } = await writeImageList(needs, images);
  const counts: VersionCounts = { rows: plan.rows, prompts: plan.prompts, ...listed };
  const { json, sources, models, seeds } = stats.result(counts, drops);
  const technical = countTechnicalRows(sources, findTechnicalSources(needs.judges, readCombination(config.annotate)));
  const described = await describeVersion(needs, { plan, layout, stale, dataFiles, beside, counts, json, sources, models, technical });
  const content = [...dataFiles, ...beside.otherFiles, imageList, ...described];
  const checksums = checksumsText(content);
  const contentSha256 = await contentDigest({
    files: content,
    dataFiles,
    images: imageSettings(config.export),
    since: baseVersion(since),
    uriBase: config.export.uri_base,
    read: (path) => spool.read(path) as AsyncIterable<Buffer>, // Without an encoding a stream yields Buffers.
  });
  const files = [...content, await spool.write(CHECKSUMS, [Buffer.from(checksums)])];
  const digests = { contentSha256, checksumsSha256: sha256Of(checksums) };
  return { made: { dataFiles, files, ...digests, layout, counts, sources, technical, seeds, madeBy: snapshot.madeBy() }, drops, stale };
}

/**
 * Chooses the columns of the rows. A part has those of the version that it builds on.
 * @throws {ConfigError} where its new rows need other columns.
 */
function chooseLayout({ config, snapshot, since }: MakeNeeds, { omitted }: RowPlan): RowLayout {
  const { fields, seed_format: seedFormat } = config.export;
  const unknownSeeds = seedFormat === "string" && snapshot.hasUnknownSeeds();
  const own: RowLayout = { fields, seedFormat, omitted, ...(unknownSeeds ? { unknownSeeds } : {}) };
  if (since === null) return own;
  refuseNewColumns(since, own);
  return since.layout;
}

async function writeImageList(
  { snapshot, spool }: MakeNeeds,
  images: ImageRuns,
): Promise<{ readonly file: SpooledFile; readonly counts: Pick<VersionCounts, "images" | "references"> }> {
  const counts = { images: 0, references: 0 };
  for (const image of snapshot.imagesBeside()) images.add(image);
  const count = ({ isReference }: ExportedImage): number => counts[isReference === 1 ? "references" : "images"]++;
  const file = await spool.write("images.csv", imagesCsv(images.sorted(), count));
  const { references } = counts;
  return { file, counts: { images: counts.images, ...(references > 0 ? { references } : {}) } };
}

interface Description extends Pick<CardFacts, "layout" | "dataFiles" | "counts" | "sources" | "models" | "technical"> {
  readonly plan: RowPlan;
  readonly stale: StaleCounts | null;
  readonly beside: Beside;
  /** Content of `stats.json`. */
  readonly json: object;
}

/** Writes the files that describe the rows: statistics, card, schemas and, where wanted, Croissant; and what a part adds. */
async function describeVersion(needs: MakeNeeds, description: Description): Promise<readonly SpooledFile[]> {
  const { config, ratios, complete, snapshot, spool, since } = needs;
  const { plan, layout, stale, dataFiles, beside, json } = description;
  const card = cardText({
    ...description,
    config,
    ratios,
    complete,
    splits: plan.splits,
    extension: jsonlExtension(config.export),
    dataSha256: sha256Of(checksumsText(dataFiles)),
    samples: beside.samples,
    formats: beside.formats,
  });
  const part = since === null || stale === null ? "" : partSection(since.lineage, layout, stale);
  return [
    await spool.write("stats.json", [Buffer.from(`${JSON.stringify(json, null, 2)}\n`)]),
    await spool.write("README.md", [Buffer.from(card + part)]),
    ...(await writeSchemas(spool, { layout, dataFiles })),
    await spool.write("download.py", [downloadScript()]),
    ...(needs.croissant ? [await spool.write(CROISSANT, [Buffer.from(croissantText({ config, layout, files: dataFiles }))])] : []),
    ...(since === null
      ? []
      : [
          await spool.write(INDEX, [Buffer.from(indexText(since.lineage, dataFiles))]),
          await spool.write(STALE, staleCsv(snapshot.base.stale())),
        ]),
  ];
}

/** Returns the settings of images as the manifest has them; null where no format carries images. */
function imageSettings({ formats, images }: Config["export"]): string | null {
  return formats.every((format) => format === "jsonl") ? null : JSON.stringify(images);
}

/** Returns the version that a part builds on. */
function baseVersion(since: Since | null): VersionContent["since"] {
  const base = since?.lineage.at(-1);
  return base === undefined ? null : { version: base.version, manifestSha256: base.manifestSha256 };
}

/** Writes a JSON Schema for each table that has rows. */
async function writeSchemas(
  spool: Spool,
  { layout, dataFiles }: { readonly layout: RowLayout; readonly dataFiles: readonly DataFile[] },
): Promise<readonly SpooledFile[]> {
  const files: SpooledFile[] = [];
  for (const table of new Set(dataFiles.filter(({ format }) => format === undefined).map((file) => file.table))) {
    const schema = rowSchemaText(table, layout);
    if (schema !== null) files.push(await spool.write(schemaPath(table), [Buffer.from(schema)]));
  }
  return files;
}

function countDrops(snapshot: ExportSnapshot, { dropped }: RowPlan): Drops {
  const linked = Map.groupBy(snapshot.drops(), ({ unit }) => unit);
  const byUnit = [...linked].map(([unit, own]) => [unit, Object.fromEntries(own.map(({ reason, count }) => [reason, count]))] as const);
  return Object.fromEntries(Object.keys(dropped).length === 0 ? byUnit : [...byUnit, ["row", dropped] as const]);
}

function refuseLargeSeeds(snapshot: ExportSnapshot): void {
  const found = snapshot.firstLargeSeed();
  if (found === undefined) return;
  const { seed, prompt } = found;
  throw new ConfigError(
    `Cannot export seed ${seed} of the prompt ${JSON.stringify(prompt.slice(0, 80))} as a number: loaders round what is over 2^53 - 1`,
    {
      hint: "set export.seed_format: string, for the whole export",
    },
  );
}

/** Writes the tables, the formats with images and the card's samples that the configuration asks for. Called once an export. */
async function writeBeside(needs: MakeNeeds, { plan, layout }: { readonly plan: RowPlan; readonly layout: RowLayout }): Promise<Beside> {
  const { config, judges, log, snapshot, spool, ratios, checkpoint } = needs;
  const { formats: wanted, images } = config.export;
  const queries = tableQueries(snapshot.view, snapshot.scope);
  const facts = rowFacts(snapshot.variants(), judges);
  const placeOf = ({ split, front }: PlannedSplit) => ({ split: SPLITS.indexOf(split), front });
  const rowsOf = (planned: PlannedSplit) => readRows(snapshot, { ...placeOf(planned), facts, checkpoint });
  const rowIdsOf = (planned: PlannedSplit) => rowIdPages(snapshot, placeOf(planned));
  const splitOf = splitter(ratios);
  const source = { config, judges, layout, queries, rowsOf, checkpoint, planned: plan.splits, view: snapshot.view };
  const tables = await writeTables({ ...source, splitOf: (prompt) => SPLITS.indexOf(splitOf(computeGroupKey(prompt))) }, spool);

  const formats = await Promise.all([...new Set(wanted)].filter((format) => format !== "jsonl").map(loadImageFormat));
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
      formats: written.map(({ format }) => format),
    };
  } finally {
    await store.close();
  }
}

/** Returns `download.py`, which fetches what `images.csv` lists, with Python alone, where the training is. */
export function downloadScript(): Buffer {
  return readFileSync(DOWNLOAD_SCRIPT);
}
