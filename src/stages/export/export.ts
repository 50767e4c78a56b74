import { setImmediate } from "node:timers/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Config } from "../../config/schema.ts";
import type { Context } from "../../context.ts";
import { openExportSnapshot } from "../../db/queries/export/export-snapshot.ts";
import { isWholePlan } from "../../db/queries/overview/dataset.ts";
import { countActivePrompts, decidedSplits, decideSplits, type VersionKind } from "../../db/queries/export/exports.ts";
import { ConfigError, InterruptedError } from "../../errors.ts";
import type { ObjectStore } from "../../stores/object-store.ts";
import { makeVersion, type Drops, type MadeVersion } from "./make/make-version.ts";
import { isRowFile } from "./make/manifest.ts";
import { publishVersion } from "./publish/publish-version.ts";
import type { StaleCounts } from "./make/part-files.ts";
import { openSince, type SinceFacts } from "./versions/since.ts";
import { openSpool } from "./make/spool.ts";
import { checkVersionName } from "./versions/versions.ts";
import { firstRatios, SPLITS, type SplitRatios } from "./split.ts";

/** Each worker holds a range of rows in memory. More than four would wait for the one that sorts. */
const WORKERS_MAX = 4;

export type ExportNeeds = Pick<Context, "config" | "db" | "judges" | "log" | "clock" | "stopping" | "signal">;

export interface ExportOptions {
  /** Name of the version instead of v1, v2, …. */
  readonly as?: string;
  /** Exports only what this version, and those that it builds on, do not have. */
  readonly since?: string;
  /** Also describes the rows in MLCommons' Croissant format. */
  readonly croissant?: boolean;
  /** False: candidates or votes are still to come, and the manifest says so. */
  readonly complete: boolean;
  /** Files compressed at a time. Default: as many as there are cores, up to 4. */
  readonly workers?: number;
  /** SHA-256 of what decides the content. */
  readonly configHash: string;
  /** Opens the place of versions, or of the images, `s3://…` or `file:///…`. */
  openStore(uri: string): Promise<ObjectStore>;
  /** SOURCE_DATE_EPOCH is read from it. Default: the environment of the process. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

export interface ExportReport {
  /** "empty": there was no pair, and nothing was written. */
  readonly outcome: "created" | "unchanged" | "continued" | "empty";
  /** Null where there was no pair. */
  readonly version: string | null;
  /** Null where there was no pair. */
  readonly kind: VersionKind | null;
  /** Place of the version: a folder, or `s3://…`. */
  readonly uri: string;
  /** Of a part: the version that it builds on, and how many of its rows no longer hold. */
  readonly since?: StaleCounts & { readonly version: string };
  readonly rows: number;
  /** How many of these were decided by measures of the image alone, which is nobody's preference. */
  readonly technicalRows: number;
  /** Rows by split. */
  readonly splits: Readonly<Record<string, number>>;
  /** `unit:reason` → count. */
  readonly drops: Readonly<Record<string, number>>;
}

/**
 * Writes the linked pairs as a version of the dataset. It reads one consistent view of the database, and writes `exports`, once the split
 * ratios, and files. A complete version never changes: the same content again is "unchanged", an interrupted version is continued, other
 * content becomes the next version. Killed at any point, it leaves a complete version or one without a manifest.
 * @throws {ConfigError} for a seed too large for a number, or a version's name that is taken by other content.
 * @throws {InterruptedError} where it was asked to stop. Nothing is lost, the next export continues.
 */
export async function exportDataset(needs: ExportNeeds, options: ExportOptions): Promise<ExportReport> {
  const { config } = needs;
  if (options.as !== undefined) checkVersionName(options.as);
  const store = await options.openStore(exportStoreUri(config.export.uri));
  try {
    return await exportInto(store, needs, options);
  } finally {
    await store.close();
  }
}

async function exportInto(store: ObjectStore, needs: ExportNeeds, options: ExportOptions): Promise<ExportReport> {
  const { config, db, judges, log } = needs;
  const checkpoint = (): Promise<void> => stopWhenAsked(needs);
  const createdAt = chooseCreatedAt(options.env ?? process.env, needs.clock.nowMs());
  const ratios = chooseRatios(needs);

  const since =
    options.since === undefined ? null : await openSince(options.since, sinceFacts(config, ratios), { ...needs, store, checkpoint });

  await using spool = await openSpool(join(config.dir, ".export-spool"));
  const snapshot = openExportSnapshot(db.file, {
    pairSet: config.export.pairs,
    uriPrefix: uriPrefixOf(config),
    withReferences: config.export.fields === "full",
  });
  let result: Awaited<ReturnType<typeof makeVersion>>;
  try {
    const { clock, signal } = needs;
    const openImages = (): Promise<ObjectStore> => options.openStore(config.store.uri);
    const { complete, croissant = false, workers = Math.min(availableParallelism(), WORKERS_MAX) } = options;
    const given = { config, judges, log, clock, signal, snapshot, spool, ratios, complete, croissant, since, workers };
    result = await makeVersion({ ...given, openImages, checkpoint });
  } finally {
    snapshot.close();
  }
  const { made, drops, stale } = result;
  const base = since?.lineage.at(-1);
  const sinceReport = base === undefined || stale === null ? {} : { since: { version: base.version, ...stale } };
  if (made === null) {
    const empty = { version: null, kind: null, uri: config.export.uri, rows: 0, technicalRows: 0, splits: {}, drops: flatten(drops) };
    return { outcome: "empty", ...empty, ...sinceReport };
  }

  if (config.export.card.license === null) log.warn("The dataset card says that the licence is unknown. Set export.card.license");
  decideRatios(needs, ratios);
  const { complete, configHash } = options;
  const { dataFiles: files, contentSha256, checksumsSha256, layout, counts, sources, technical, seeds, madeBy } = made;
  const kind: VersionKind = since !== null ? "part" : isWholePlan(db) ? "whole" : "trial";
  const content = { kind, contentSha256, checksumsSha256, layout, ratios, files, counts, sources, technical, drops, seeds, madeBy };
  const sinceFact = base === undefined || stale === null ? null : { version: base.version, manifestSha256: base.manifestSha256, ...stale };
  const facts = { config, judges, complete, createdAt, configHash, since: sinceFact, ...content };
  const published = await publishVersion({ ...needs, store, spool, checkpoint }, { as: options.as, made, facts });
  return {
    ...published,
    kind,
    ...sinceReport,
    rows: counts.rows,
    technicalRows: technical.reduce((sum, [, count]) => sum + count, 0),
    splits: countBySplit(made),
    drops: flatten(drops),
  };
}

function sinceFacts(config: Pick<Config, "dataset" | "export" | "store">, ratios: SplitRatios): SinceFacts {
  const { dataset, export: section } = config;
  const imagePlace = section.uri_base === null ? uriPrefixOf(config) : null;
  const { pairs: pairSet, fields, seed_format: seedFormat, tables } = section;
  return { dataset, pairSet, fields, seedFormat, ratios, tables, imagePlace };
}

/** Lets signals and sockets have their turn, and throws where the export is to stop. */
async function stopWhenAsked({ stopping, signal }: Pick<Context, "stopping" | "signal">): Promise<void> {
  await setImmediate();
  if (stopping.aborted || signal.aborted) {
    throw new InterruptedError("Export interrupted: no version was completed", { hint: "export again continues it" });
  }
}

function chooseRatios({ config, db, log }: ExportNeeds): SplitRatios {
  const decided = decidedSplits(db);
  if (decided === null) return firstRatios(config.export.splits, isWholePlan(db) ? countActivePrompts(db) : 0);
  const ratios = JSON.parse(decided) as SplitRatios; // Written by decideSplits, from a checked configuration.
  const written = config.export.splits;
  if (written !== undefined && SPLITS.some((split) => written[split] !== ratios[split])) {
    log.warn(
      `export.splits is not followed: the first export decided ${decided} for good, so that nothing moves from train to test. A new dataset can have others`,
    );
  }
  return ratios;
}

function decideRatios({ config, db, log }: ExportNeeds, ratios: SplitRatios): void {
  if (decidedSplits(db) !== null) return;
  if (config.export.splits === undefined && !isWholePlan(db)) {
    log.info(
      "All rows of this trial go to train: --prompts left prompts out, and how rows are split is decided for good by the first export of all of them, or by export.splits",
    );
    return;
  }
  decideSplits(db, JSON.stringify(ratios));
  if (config.export.splits !== undefined || ratios.validation + ratios.test > 0) return;
  log.info(
    "All rows go to train, now and later, because the dataset has under 1,000 prompts. export.splits says otherwise before a dataset's first export",
  );
}

/** Returns what stands before an image's key in its URI: `export.uri_base` where it is set, else the store's place. */
function uriPrefixOf({ export: { uri_base: base }, store }: Pick<Config, "export" | "store">): string {
  const prefix = base ?? store.uri;
  return prefix === "" || prefix.endsWith("/") ? prefix : `${prefix}/`;
}

/** Returns `export.uri` as a store takes it: a folder becomes `file:///…`. */
export function exportStoreUri(uri: string): string {
  return /^[a-z][a-z0-9+.-]+:/.test(uri) ? uri : pathToFileURL(uri).href;
}

function countBySplit({ dataFiles }: MadeVersion): Record<string, number> {
  const bySplit = Map.groupBy(dataFiles.filter(isRowFile), ({ split }) => split);
  return Object.fromEntries([...bySplit].map(([split, files]) => [split, files.reduce((sum, { rows }) => sum + rows, 0)]));
}

function flatten(drops: Drops): Record<string, number> {
  return Object.fromEntries(
    Object.entries(drops).flatMap(([unit, reasons]) => Object.entries(reasons).map(([reason, count]) => [`${unit}:${reason}`, count])),
  );
}

/** @see https://reproducible-builds.org/specs/source-date-epoch/ */
function chooseCreatedAt(env: Readonly<Record<string, string | undefined>>, nowMs: number): string {
  const epoch = env["SOURCE_DATE_EPOCH"] ?? "";
  if (epoch === "") return new Date(nowMs).toISOString();
  if (!/^\d{1,12}$/.test(epoch)) throw new ConfigError(`Cannot use SOURCE_DATE_EPOCH=${epoch}: expected whole seconds since 1970`);
  return new Date(Number(epoch) * 1_000).toISOString();
}
