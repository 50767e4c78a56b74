import { sha256Of } from "./checksums.ts";
import type { Config } from "../../../config/schema.ts";
import type { VersionKind } from "../../../db/queries/export/exports.ts";
import type { RowLayout } from "../../../exporters/row.ts";
import type { Judge } from "../../../judges/judge.ts";
import { isJsonObject, parseExact } from "../../../lib/exact-json.ts";
import type { Split, SplitRatios } from "../split.ts";
import type { SpooledFile } from "./spool.ts";
import type { SeedRange } from "../card/stats.ts";
import { isKey } from "../../../stores/object-store.ts";

/** Raised where a row gains a column or a column's meaning changes. */
export const ROW_SCHEMA = 1;

export const MANIFEST = "manifest.json";

/** A file of rows. */
export interface DataFile extends SpooledFile {
  readonly table: string;
  /** Absent for JSONL. */
  readonly format?: string;
  readonly split: Split;
  readonly rows: number;
}

/** Returns true for a file of `default`, whose rows `counts` counts. */
export function isRowFile({ table, format }: Pick<DataFile, "table" | "format">): boolean {
  return table === "default" && format === undefined;
}

export interface VersionCounts {
  readonly rows: number;
  readonly prompts: number;
  /** Generated images. */
  readonly images: number;
  /** Images that prompts come with; left out where there are none. */
  readonly references?: number;
}

export interface ManifestFacts {
  readonly config: Pick<Config, "dataset" | "annotate" | "export">;
  readonly judges: readonly Pick<Judge, "name" | "version" | "technical">[];
  readonly version: string;
  readonly kind: VersionKind;
  readonly complete: boolean;
  readonly createdAt: string;
  readonly configHash: string;
  /** See contentDigest(). */
  readonly contentSha256: string;
  /** SHA-256 (hex) of SHA256SUMS. */
  readonly checksumsSha256: string;
  readonly layout: RowLayout;
  readonly ratios: SplitRatios;
  readonly files: readonly DataFile[];
  readonly counts: VersionCounts;
  /** Unit → reason → count. */
  readonly drops: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly sources: Readonly<Record<string, number>>;
  readonly technical: readonly (readonly [source: string, count: number])[];
  readonly seeds: SeedRange;
  readonly madeBy: MadeByCounts;
  /** The version that a part builds on. */
  readonly since: SinceFact | null;
}

/** What the stored images of the dataset were made by. These facts of a night are in the manifest alone, and in no row. */
export interface MadeByCounts {
  readonly servers: readonly {
    readonly comfyui: string;
    readonly pytorch: string;
    readonly python: string;
    readonly device: string;
    readonly images: number;
  }[];
  /** Prompts whose images were made by several servers. */
  readonly mixedPrompts: number;
}

/** What a part says of the version before it. */
export interface SinceFact {
  readonly version: string;
  readonly manifestSha256: string;
  /** Rows of earlier versions that no longer hold. */
  readonly gone: number;
  readonly changed: number;
}

/**
 * Writes `manifest.json`, the commit marker, which is published last. It ends in its own checksum over every byte before, so that a flipped
 * bit in it is found, too.
 */
export function manifestText(facts: ManifestFacts): string {
  const { config, layout, counts, files } = facts;
  const pairSet = config.export.pairs;
  const manifest = {
    row_schema: ROW_SCHEMA,
    complete: facts.complete,
    dataset: config.dataset,
    version: facts.version,
    kind: facts.kind,
    ...(facts.since === null ? {} : { since: sinceFact(facts.since) }),
    created_at: facts.createdAt,
    config_hash: facts.configHash,
    content_sha256: facts.contentSha256,
    checksums_sha256: facts.checksumsSha256,
    uri_base: config.export.uri_base,
    tables: [...new Set(["default", ...files.filter(({ format }) => format === undefined).map(({ table }) => table)])],
    ...(config.export.formats.every((format) => format === "jsonl") ? {} : imageFormats(config.export)),
    fields: layout.fields,
    seed_format: layout.seedFormat,
    columns_left_out: layout.omitted,
    ...(layout.unknownSeeds === true ? { unknown_seeds: true } : {}),
    counts: {
      ...counts,
      splits: Object.fromEntries(
        Map.groupBy(files.filter(isRowFile), ({ split }) => split)
          .entries()
          .map(([split, own]) => [split, sumRows(own)]),
      ),
      ...tableCounts(files),
    },
    // Who reads nothing else must see this before training.
    warnings: facts.technical.map(
      ([source, count]) => `technical score, not preference: ${count} of ${counts.rows} rows were decided by ${source}`,
    ),
    sources: facts.sources,
    drops: facts.drops,
    splits: { method: 'first 64 bits of SHA-256("split v1" || group key) against the cumulated ratios', ratios: facts.ratios },
    policies: {
      pair_set: pairSet,
      criteria: config.annotate.criteria,
      ...config.annotate.pairs[pairSet],
      filters: config.annotate.filters,
      combine: config.annotate.combine,
    },
    judges: facts.judges.map(({ name, version, technical }) => ({ name, version, technical })),
    seeds: facts.seeds,
    made_by: facts.madeBy.servers.map(({ comfyui, pytorch, python, device, images }) => ({ comfyui, pytorch, python, device, images })),
    prompts_made_by_several: facts.madeBy.mixedPrompts,
    files: files.map(({ path, table, format, split, rows, sizeBytes, sha256 }) => ({
      path,
      table,
      ...(format === undefined ? {} : { format }),
      split,
      rows,
      bytes: sizeBytes,
      sha256,
    })),
  };
  const body = JSON.stringify(manifest, null, 2).replace(/\n\}$/, ",\n");
  return `${body}  "manifest_sha256": "${sha256Of(body)}"\n}\n`;
}

function sinceFact({ version, manifestSha256, gone, changed }: SinceFact): object {
  return { version, manifest_sha256: manifestSha256, gone, changed };
}

/** Returns the formats, and how images were converted for them. */
function imageFormats({ formats, images }: Config["export"]): object {
  return { formats: [...new Set(["jsonl", ...formats])], images };
}

/** Counts rows of the other tables by split. Empty where there are none. */
function tableCounts(files: readonly DataFile[]): object {
  const others = files.filter(({ table, format }) => table !== "default" && format === undefined);
  if (others.length === 0) return {};
  const byTable = [...Map.groupBy(others, ({ table }) => table)];
  const bySplit = (own: readonly DataFile[]): object =>
    Object.fromEntries([...Map.groupBy(own, ({ split }) => split)].map(([split, part]) => [split, sumRows(part)]));
  return { tables: Object.fromEntries(byTable.map(([table, own]) => [table, bySplit(own)])) };
}

/** Rows by split. */
type SplitCounts = Readonly<Partial<Record<Split, number>>>;

/** Counts in a manifest. */
export interface ManifestCounts extends VersionCounts {
  readonly splits: SplitCounts;
  /** Rows of the tables beside `default`. Absent where there are none. */
  readonly tables?: Readonly<Record<string, SplitCounts>>;
}

export interface ParsedManifest {
  /** False: candidates or votes were still to come. */
  readonly complete: boolean;
  readonly dataset: string;
  readonly version: string;
  /** Null in versions of earlier programs, which did not record it. */
  readonly kind: VersionKind | null;
  /** Null in versions of earlier programs. It then follows from their files alone. */
  readonly contentSha256: string | null;
  /** SHA-256 (hex) of SHA256SUMS. */
  readonly checksumsSha256: string;
  /** Undefined in versions of earlier programs. */
  readonly uriBase?: string | null;
  /** How images were converted for formats that carry them, JSON. Null where there are none. */
  readonly images: string | null;
  /** Images, pairs and prompts that linking left out: unit → reason → count. */
  readonly drops: ManifestFacts["drops"];
  readonly layout: RowLayout;
  readonly files: readonly DataFile[];
  /** Formats that carry images. Each has a folder of its name. */
  readonly imageFormats: readonly string[];
  readonly counts: ManifestCounts;
  readonly pairSet: string;
  readonly ratios: SplitRatios;
  /** The version that a part builds on. */
  readonly since?: Pick<SinceFact, "version" | "manifestSha256">;
}

/** Reads a manifest back. Returns a sentence that says why it cannot be trusted, where it is not a manifest or was changed. */
export function parseManifest(text: string): ParsedManifest | string {
  const [, body = "", sum] = /^([^]*,\n) {2}"manifest_sha256": "([0-9a-f]{64})"\n\}\n$/.exec(text) ?? [];
  if (sum === undefined) return "it does not end in its own checksum";
  if (sum !== sha256Of(body)) return "it does not have the bytes that it was written with";
  const value = parseExact(text);
  if (!isJsonObject(value) || value["row_schema"] !== ROW_SCHEMA)
    return `it is not of row_schema ${ROW_SCHEMA}, which is all that this version reads`;
  // The checksum proves that manifestText() wrote it. The row_schema says which shape it has.
  const manifest = value as unknown as {
    complete: boolean;
    dataset: string;
    version: string;
    kind?: VersionKind;
    content_sha256: string;
    checksums_sha256?: string;
    uri_base?: string | null;
    images?: object;
    drops: ManifestFacts["drops"];
    fields: RowLayout["fields"];
    seed_format: RowLayout["seedFormat"];
    columns_left_out: RowLayout["omitted"];
    unknown_seeds?: boolean;
    formats?: readonly string[];
    counts: ParsedManifest["counts"];
    policies: { pair_set: string };
    splits: { ratios: SplitRatios };
    since?: { version: string; manifest_sha256: string };
    files: { path: string; table: string; format?: string; split: Split; rows: number; bytes: number; sha256: string }[];
  };
  if (!manifest.files.every(({ path }) => isKey(path))) return "it lists a file that no version can have";
  return {
    complete: manifest.complete,
    dataset: manifest.dataset,
    version: manifest.version,
    kind: manifest.kind ?? null,
    // Without `checksums_sha256`, `content_sha256` is the checksum of SHA256SUMS.
    contentSha256: manifest.checksums_sha256 === undefined ? null : manifest.content_sha256,
    checksumsSha256: manifest.checksums_sha256 ?? manifest.content_sha256,
    ...(manifest.uri_base === undefined ? {} : { uriBase: manifest.uri_base }),
    images: manifest.images === undefined ? null : JSON.stringify(manifest.images),
    drops: manifest.drops,
    layout: {
      fields: manifest.fields,
      seedFormat: manifest.seed_format,
      omitted: manifest.columns_left_out,
      ...(manifest.unknown_seeds === true ? { unknownSeeds: true } : {}),
    },
    files: manifest.files.map(({ bytes, ...file }) => ({ ...file, sizeBytes: bytes })),
    imageFormats: (manifest.formats ?? []).filter((format) => format !== "jsonl"),
    counts: manifest.counts,
    pairSet: manifest.policies.pair_set,
    ratios: manifest.splits.ratios,
    ...(manifest.since === undefined ? {} : { since: { version: manifest.since.version, manifestSha256: manifest.since.manifest_sha256 } }),
  };
}

function sumRows(files: readonly DataFile[]): number {
  return files.reduce((sum, { rows }) => sum + rows, 0);
}
