import type { ExportVersion } from "../../../db/queries/export/exports.ts";
import { counted } from "../../../lib/words.ts";
import { SPLITS } from "../split/split.ts";
import type { ManifestCounts, ParsedManifest } from "../make/manifest.ts";

/** What the database keeps of a version that was completed. */
export type RecordedVersion = Pick<ExportVersion, "contentSha256" | "rows">;

export interface ManifestClaim {
  /** The name of its folder. */
  readonly version: string;
  readonly manifest: ParsedManifest;
  readonly recorded: RecordedVersion | undefined;
}

/** What was read of the version's files. */
export interface FoundContent {
  /** By table and split. */
  readonly rows: ReadonlyMap<string, ReadonlyMap<string, number>>;
  readonly images: number;
  /** Null where rows do not tell: minimal ones have no prompt_key. */
  readonly prompts: number | null;
}

/** What a manifest says that its folder, the database and its files do not: a version can be whole and still be another one. */
export function manifestProblems({ version, manifest, recorded }: ManifestClaim, found: FoundContent): readonly string[] {
  const { counts, ratios } = manifest;
  const images = counts.images + (counts.references ?? 0);
  const rows = [...(found.rows.get("default")?.values() ?? [])].reduce((sum, own) => sum + own, 0);
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
  // Of a version of an earlier program the manifest does not say it.
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
