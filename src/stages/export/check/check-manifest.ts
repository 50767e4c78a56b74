import type { ExportVersion } from "../../../db/queries/export/exports.ts";
import { counted } from "../../../lib/words.ts";
import { SPLITS } from "../split.ts";
import { type ManifestCounts, type ParsedManifest, isRowFile } from "../make/manifest.ts";
import { FatalError } from "../../../errors.ts";
import { openPublished, tryReadText, unreadableReason } from "../versions/published-file.ts";
import { indexText, INDEX } from "../make/part-files.ts";
import { readLineage, type Lineage, type LineageNeeds } from "../versions/read-lineage.ts";

/** Facts that the database keeps of a completed version. */
export type RecordedVersion = Pick<ExportVersion, "contentSha256" | "rows">;

export interface ManifestClaim {
  /** Name of its folder. */
  readonly version: string;
  readonly manifest: ParsedManifest;
  readonly recorded: RecordedVersion | undefined;
}

/** The facts that were read from the files of a version. */
export interface FoundContent {
  /** Rows by table and split. */
  readonly rows: ReadonlyMap<string, ReadonlyMap<string, number>>;
  readonly images: number;
  /** Null for minimal rows, which have no prompt_key. */
  readonly prompts: number | null;
}

/** Counts the rows of a table that were read, in all splits. */
export function countRows(rows: FoundContent["rows"], table: string): number {
  return [...(rows.get(table)?.values() ?? [])].reduce((sum, own) => sum + own, 0);
}

/** Lists where a manifest differs from its folder, the database and its files: a version can be undamaged and still be another one. */
export function manifestProblems({ version, manifest, recorded }: ManifestClaim, found: FoundContent): readonly string[] {
  const { counts, ratios } = manifest;
  const images = counts.images + (counts.references ?? 0);
  const rows = countRows(found.rows, "default");
  return [
    ...identityProblems({ version, manifest, recorded }),
    ...(rows === counts.rows ? [] : [`counts ${counted(counts.rows, "row")}, the files have ${rows}`]),
    ...(found.images === images ? [] : [`counts ${counted(images, "image")}, images.csv has ${found.images}`]),
    ...(found.prompts === null || found.prompts === counts.prompts
      ? []
      : [`counts ${counted(counts.prompts, "prompt")}, the rows have ${found.prompts}`]),
    ...(SPLITS.some((split) => ratios[split] > 0) ? [] : ["has no split ratio over 0"]),
    ...splitProblems(counts, found.rows),
  ];
}

function identityProblems({ version, manifest, recorded }: ManifestClaim): readonly string[] {
  const { contentSha256, counts } = manifest;
  // Manifests of earlier programs have no digest.
  const isOther =
    contentSha256 !== null && recorded !== undefined && recorded.contentSha256 !== null && recorded.contentSha256 !== contentSha256;
  return [
    ...(manifest.version === version
      ? []
      : [`is of the version ${manifest.version}: give this folder that name again, or put the files of ${version} back`]),
    ...(isOther
      ? [`has other content than the database completed as ${version}: put its own files back, or export again under another name`]
      : []),
    ...(recorded === undefined || recorded.rows === null || recorded.rows === counts.rows
      ? []
      : [`counts ${counted(counts.rows, "row")}, the database completed ${version} with ${recorded.rows}`]),
  ];
}

function splitProblems(counts: ManifestCounts, rows: FoundContent["rows"]): readonly string[] {
  const claimed = new Map(Object.entries({ ...counts.tables, default: counts.splits }));
  return [...new Set([...claimed.keys(), ...rows.keys()])].flatMap((table) =>
    SPLITS.flatMap((split) => {
      const [says, has] = [claimed.get(table)?.[split] ?? 0, rows.get(table)?.get(split) ?? 0];
      return says === has ? [] : [`counts ${counted(says, "row")} of ${table}/${split}, the files have ${has}`];
    }),
  );
}

/**
 * Lists what is wrong with the `index.json` of a part. A part needs the versions that it builds on, so that each of the files it lists is
 * read, too. Yields nothing for a whole version.
 */
export async function* indexProblems(
  { version, manifest }: { readonly version: string; readonly manifest: ParsedManifest },
  needs: LineageNeeds,
): AsyncGenerator<string> {
  if (manifest.since === undefined) return;
  try {
    const lineage = (await readLineage(version, needs)).slice(0, -1);
    const index = await tryReadText(needs.store, `${version}/${INDEX}`, needs.signal);
    if (index !== null && index !== indexText(lineage, manifest.files)) yield "does not list the files that make up the whole";
    yield* baseProblems(lineage, needs);
  } catch (error) {
    if (!(error instanceof FatalError) || unreadableReason(error) !== null) throw error;
    yield `cannot be followed: ${error.message}`;
  }
}

async function* baseProblems(lineage: readonly Lineage[number][], needs: LineageNeeds): AsyncGenerator<string> {
  for (const { version, manifest } of lineage) {
    for (const { path, sha256 } of manifest.files.filter(isRowFile)) {
      const found = await readSha256(`${version}/${path}`, needs);
      if (found !== sha256) yield `lists ../${version}/${path}, which ${describeFound(found)}: verify ${version}`;
    }
  }
}

function describeFound(found: string | null): string {
  return found === null ? "is missing or cannot be read" : "does not have its SHA-256";
}

/** Returns the SHA-256 (hex) of a file; null where it is missing or cannot be read. */
async function readSha256(key: string, { store, signal }: LineageNeeds): Promise<string | null> {
  try {
    using file = await openPublished(store, key, signal);
    return file === null ? null : await file.sha256();
  } catch (error) {
    if (unreadableReason(error) === null) throw error;
    return null;
  }
}
