import type { StaleRow } from "../../../db/queries/export/export-plan.ts";
import type { RowLayout } from "../../../exporters/row.ts";
import { rowColumns } from "../../../exporters/row-columns.ts";
import { counted } from "../../../lib/words.ts";
import { pythonFeatures } from "../card/card-columns.ts";
import { isRowFile, type DataFile } from "./manifest.ts";
import type { Lineage, PublishedVersion } from "../versions/read-lineage.ts";

/** Counts of rows of earlier versions that are not in this export, or have other values in it. */
export interface StaleCounts {
  readonly gone: number;
  readonly changed: number;
}

/** Names of the two files that a part adds: which files make up the whole, and which older rows no longer hold. */
export const INDEX = "index.json";
export const STALE = "stale.csv";

/** Writes `index.json`: the files of the earlier versions and of the part itself, as paths from the part's folder. */
export function indexText(lineage: readonly PublishedVersion[], own: readonly DataFile[]): string {
  const earlier = lineage.flatMap(({ version, manifest }) =>
    manifest.files.map((file) => ({ ...file, path: `../${version}/${file.path}` })),
  );
  const files = [...earlier, ...own].filter(isRowFile);
  const splits = Map.groupBy(files, ({ split }) => split);
  const index = {
    index_schema: 1,
    versions: lineage.map(({ version, manifestSha256 }) => ({ version, manifest_sha256: manifestSha256 })),
    splits: Object.fromEntries([...splits].map(([split, these]) => [split, these.reduce((sum, { rows }) => sum + rows, 0)])),
    data_files: Object.fromEntries([...splits].map(([split, these]) => [split, these.map(({ path }) => path)])),
    files: files.map(({ path, split, rows, sizeBytes, sha256 }) => ({ path, split, rows, bytes: sizeBytes, sha256 })),
  };
  return `${JSON.stringify(index, null, 2)}\n`;
}

/** Writes `stale.csv`. Rows come by id. */
export function* staleCsv(rows: Iterable<StaleRow>): Generator<Buffer> {
  let text = "id,reason\n";
  for (const { rowId, reason } of rows) {
    text += `${rowId},${reason}\n`;
    if (text.length < 64 * 1024) continue;
    yield Buffer.from(text);
    text = "";
  }
  yield Buffer.from(text);
}

/** Returns the last section of a part's card. */
export function partSection(lineage: Lineage, layout: RowLayout, { gone, changed }: StaleCounts): string {
  const versions = lineage.map(({ version }) => `\`${version}\``).join(", ");
  return `
## This is a part

These are only the rows that ${versions} ${lineage.length === 1 ? "does" : "do"} not have. \`index.json\` lists the files of all of them, as paths from this folder: all must lie side by side as they were exported.

\`\`\`python
import csv, json, os
from datasets import Features, Value, load_dataset

FOLDER = "."  # where this file is
features = ${pythonFeatures(rowColumns(layout))}
index = json.load(open(os.path.join(FOLDER, "index.json")))
files = {split: [os.path.normpath(os.path.join(FOLDER, path)) for path in paths] for split, paths in index["data_files"].items()}
ds = load_dataset("json", data_files=files, features=features)
stale = {row["id"]: row["reason"] for row in csv.DictReader(open(os.path.join(FOLDER, "stale.csv")))}
ds = ds.filter(lambda row: stale.get(row["id"]) != "gone")
\`\`\`

A part cannot take rows out of what was exported before it. ${counted(gone, "row")} of the earlier versions would not be exported today (\`gone\`: other votes or scores chose other images, or images were taken out), ${counted(changed, "row")} would be with other values (\`changed\`: scores, margins, counts); \`stale.csv\` names them. A version exported without \`--since\` has neither.
`;
}
