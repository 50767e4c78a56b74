import { type ExportIndex, openExportIndex } from "../../../db/queries/export/export-check.ts";
import { messageOf } from "../../../errors.ts";
import { OPTIONAL_COLUMNS, type OptionalColumn, type Row } from "../../../exporters/row.ts";
import { counted } from "../../../lib/words.ts";
import type { ObjectStore } from "../../../stores/object-store.ts";
import { SPLITS, splitter, computeGroupKey } from "../split.ts";
import { isDamage, openPublished, publishedLines, tryReadText, unreadableReason } from "../versions/published-file.ts";
import { rowChecker, tableChecker } from "./check-row.ts";
import { splitChecker } from "./check-split.ts";
import { CHECKSUMS, parseChecksums, sha256Of } from "../make/checksums.ts";
import { readImagesCsv } from "../make/images-csv.ts";
import { countRows, manifestProblems, type RecordedVersion, indexProblems } from "./check-manifest.ts";
import { INDEX } from "../make/part-files.ts";
import { rowSchemaText, schemaPath } from "../tables/registry.ts";
import { type DataFile, isRowFile, MANIFEST, type ParsedManifest, parseManifest } from "../make/manifest.ts";

/** A problem of an export, and where it is. */
export interface ExportProblem {
  /** Path in the version, with slashes. */
  readonly path: string;
  /** Line from 1. Null where the problem is about the whole file. */
  readonly line: number | null;
  readonly text: string;
}

export interface VerifyExportNeeds {
  /** The place of versions. */
  readonly store: Pick<ObjectStore, "uri" | "get" | "list">;
  readonly signal: AbortSignal;
  /** The database's record of the version. Undefined if it has none of that name at this place. */
  readonly recorded?: RecordedVersion | undefined;
  /** Called for each problem, in any order. */
  readonly report: (problem: ExportProblem) => void;
  /** Called for each image that the version lists, with what the list says. */
  readonly onImage?: (image: { readonly uri: string; readonly sha256: string; readonly bytes: number; readonly line: number }) => void;
}

export interface VerifiedExport {
  readonly files: number;
  readonly rows: number;
  readonly images: number;
}

/**
 * Reads every byte of a version again, and checks it against its checksums, its manifest and the rules of a row. Memory does not grow with
 * the dataset. Damage is reported, not thrown. Throws as the store does.
 */
export async function verifyExport(version: string, needs: VerifyExportNeeds): Promise<VerifiedExport> {
  const { store, signal } = needs;
  const report = (path: string, problem: string, line: number | null = null): void => needs.report({ path, line, text: problem });
  const manifestText = await tryReadText(store, `${version}/${MANIFEST}`, signal);
  if (manifestText === null) {
    report(MANIFEST, "is missing: the version was never completed");
    return { files: 0, rows: 0, images: 0 };
  }
  const manifest = parseManifest(manifestText);
  if (typeof manifest === "string") {
    report(MANIFEST, `cannot be trusted: ${manifest}`);
    return { files: 0, rows: 0, images: 0 };
  }
  const sums = await readSums(version, { store, signal, manifest, report });
  const index = openExportIndex();
  try {
    const check: Check = { version, manifest, sums, index, store, signal, report, splitOf: splitOf(manifest), rows: new Map() };
    await compareListing(check);
    const images = await readImageList(check, needs.onImage);
    await readRowFiles(check);
    for (const file of manifest.files) if (isTableFile(file)) await readTableFile(check, file);
    await hashOthers(check);
    await compareSchema(check);
    for await (const problem of indexProblems(check, { store, signal })) report(INDEX, problem);
    compareImages(check);
    const rows = countRows(check.rows, "default");
    const found = { rows: check.rows, images, prompts: manifest.layout.fields === "full" ? index.countPrompts() : null };
    for (const problem of manifestProblems({ version, manifest, recorded: needs.recorded }, found)) report(MANIFEST, problem);
    return { files: sums.size + 2, rows, images }; // The manifest and SHA256SUMS themselves are the two.
  } finally {
    index.close();
  }
}

interface Check {
  readonly version: string;
  readonly manifest: ParsedManifest;
  /** SHA-256 by path. */
  readonly sums: ReadonlyMap<string, string>;
  readonly index: ExportIndex;
  readonly store: VerifyExportNeeds["store"];
  readonly signal: AbortSignal;
  readonly report: (path: string, problem: string, line?: number) => void;
  /** Chooses the split that a group belongs in. Null where the manifest has no ratio. */
  readonly splitOf: ((groupKey: string) => string) | null;
  /** Rows that were read, by table and split. */
  readonly rows: Map<string, Map<string, number>>;
}

function splitOf({ ratios }: ParsedManifest): Check["splitOf"] {
  return SPLITS.some((split) => ratios[split] > 0) ? splitter(ratios) : null;
}

async function readSums(
  version: string,
  { store, signal, manifest, report }: Pick<Check, "store" | "signal" | "manifest" | "report">,
): Promise<ReadonlyMap<string, string>> {
  const sums = await tryReadText(store, `${version}/${CHECKSUMS}`, signal);
  if (sums === null) {
    report(CHECKSUMS, "is missing");
    return new Map();
  }
  if (sha256Of(sums) !== manifest.checksumsSha256) report(CHECKSUMS, "is not the file that the manifest was written with");
  return parseChecksums(sums);
}

/** Reports files that are missing, and files that are not listed: `data/train-*` of a loader would read those, too. */
async function compareListing({ version, sums, store, signal, manifest, report }: Check): Promise<void> {
  const expected = new Set([...sums.keys(), MANIFEST, CHECKSUMS]);
  for await (const { key } of store.list(`${version}/`, signal)) {
    const path = key.slice(version.length + 1);
    if (!expected.delete(path)) report(path, "is not listed in SHA256SUMS: somebody else put it there");
  }
  for (const path of expected) report(path, "is missing");
  for (const { path, sha256 } of manifest.files) {
    if (sums.size > 0 && sums.get(path) !== sha256) report(path, "has one checksum in the manifest and another in SHA256SUMS");
  }
}

async function readImageList(check: Check, onImage: VerifyExportNeeds["onImage"]): Promise<number> {
  const path = "images.csv";
  let images = 0;
  await readHashed(check, path, async (chunks) => {
    for await (const image of readImagesCsv(chunks)) {
      if (typeof image === "string") {
        check.report(path, image);
        continue;
      }
      images++;
      if (!check.index.addListed(image)) check.report(path, `lists ${image.uri} a second time`, image.line);
      onImage?.(image);
    }
  });
  return images;
}

async function readRowFiles(check: Check): Promise<void> {
  const { manifest, report } = check;
  const filled = new Set<OptionalColumn>();
  for (const [split, files] of Map.groupBy(manifest.files.filter(isRowFile), (file) => file.split)) {
    const rules = splitChecker();
    for (const file of files) await readRowFile(check, file, rules);
    for (const column of rules.lateColumns())
      report(files[0]?.path ?? split, `has ${column} only after its first rows: loaders take it for null`);
    for (const column of rules.filledColumns()) filled.add(column);
  }
  const rows = countRows(check.rows, "default");
  if (manifest.layout.fields === "full") {
    const all = new Set([...filled, ...manifest.layout.omitted]);
    for (const column of OPTIONAL_COLUMNS) {
      // A part has the columns of the version that it builds on.
      if (rows > 0 && !all.has(column) && manifest.since === undefined) report(MANIFEST, `keeps the column ${column}, which no row fills`);
    }
  }
}

async function readRowFile(check: Check, file: DataFile, rules: ReturnType<typeof splitChecker>): Promise<void> {
  const { manifest, report } = check;
  const checkRow = rowChecker(manifest.layout);
  let rows = 0;
  await readHashed(check, file.path, async (chunks) => {
    for await (const { number, bytes } of publishedLines(file.path, chunks)) {
      rows++;
      const { row, problems } = checkRow(bytes.toString("utf8"));
      for (const problem of problems) report(file.path, `the row ${problem}`, number);
      if (row === null) continue;
      const place = rules.add(row);
      if (place !== null) report(file.path, `the row ${place}`, number);
      for (const problem of placeProblems(check, row, SPLITS.indexOf(file.split))) report(file.path, `the row ${problem}`, number);
    }
  });
  addRows(check, file, rows);
}

function addRows({ rows, report }: Check, { path, table, split, rows: expected }: DataFile, found: number): void {
  if (found !== expected) report(path, `has ${counted(found, "row")}, the manifest says ${expected}`);
  const splits = rows.get(table) ?? new Map<string, number>();
  rows.set(table, splits.set(split, (splits.get(split) ?? 0) + found));
}

/** Returns true for a file that is read line by line. Files with images are compared by their checksums. */
function isTableFile(file: DataFile): boolean {
  return file.format === undefined && !isRowFile(file);
}

async function readTableFile(check: Check, file: DataFile): Promise<void> {
  const { manifest, index, report } = check;
  const checkRow = tableChecker(file.table, manifest.layout);
  if (checkRow === null) return report(file.path, `is of a table ${file.table} that this version does not know`);
  const split = SPLITS.indexOf(file.split);
  let rows = 0;
  await readHashed(check, file.path, async (chunks) => {
    for await (const { number, bytes } of publishedLines(file.path, chunks)) {
      rows++;
      const { row, uris, problems } = checkRow(bytes.toString("utf8"));
      for (const problem of problems) report(file.path, `the row ${problem}`, number);
      if (row === null) continue;
      for (const uri of uris) {
        if (index.show(uri, split) === undefined) report(file.path, `the row shows ${uri}, which images.csv does not list`, number);
      }
      for (const problem of splitProblems(check, String(row["prompt"]), split)) report(file.path, `the row ${problem}`, number);
    }
  });
  addRows(check, file, rows);
}

/** Lists problems of a row that only other rows and the list of images show. */
function placeProblems(check: Check, { prompt, promptKey, chosen, rejected, references }: Row, split: number): readonly string[] {
  const { index } = check;
  index.addPrompt(promptKey);
  const shown = [
    ...[chosen, ...rejected].map(({ uri, sha256 }) => ({ uri, sha256, listed: index.show(uri, split) })),
    // References may be in several splits, because no model learns to make them.
    ...references.map(({ uri, sha256 }) => ({ uri, sha256, listed: index.showReference(uri) })),
  ];
  const images = shown.flatMap(({ uri, sha256, listed }) => {
    if (listed === undefined) return [`shows ${uri}, which images.csv does not list`];
    return sha256 === "" || sha256 === listed ? [] : [`gives ${uri} another sha256 than images.csv`];
  });
  return [...images, ...splitProblems(check, prompt, split)];
}

/** Lists problems of the split of a prompt, which follows from the prompt and the ratios alone. */
function splitProblems({ index, splitOf: own }: Check, prompt: string, split: number): readonly string[] {
  const groupKey = computeGroupKey(prompt);
  const first = index.addGroup(groupKey, split);
  const right = own?.(groupKey);
  return [
    ...(first === split ? [] : [`has a prompt that is in ${SPLITS[first] ?? "another split"}, too`]),
    ...(right === undefined || right === SPLITS[split] ? [] : [`belongs in ${right}, as its prompt and the ratios in ${MANIFEST} say`]),
  ];
}

/** Reads what no other step has read: every byte of a version is looked at. */
async function hashOthers(check: Check): Promise<void> {
  const lines = check.manifest.files.filter(({ format }) => format === undefined);
  const read = new Set(["images.csv", ...lines.map(({ path }) => path)]);
  for (const path of check.sums.keys()) {
    if (read.has(path)) continue;
    await readHashed(check, path, () => Promise.resolve()); // The hash is all that is wanted.
  }
}

/** Compares the JSON Schemas of a version with those that its rows were checked against. */
async function compareSchema({ version, manifest, sums, store, signal, report }: Check): Promise<void> {
  for (const table of new Set(manifest.files.map((file) => file.table))) {
    const path = schemaPath(table);
    if (!sums.has(path)) continue; // Written before there were schemas, or a format with images.
    const schema = await tryReadText(store, `${version}/${path}`, signal);
    if (schema !== null && schema !== rowSchemaText(table, manifest.layout)) report(path, "is not the schema of these rows");
  }
}

function compareImages({ index, report }: Check): void {
  for (const { uri, line } of index.unshown()) report("images.csv", `lists ${uri}, which no row shows`, line);
  for (const { sha256, line } of index.shared()) report("images.csv", `the image with sha256 ${sha256} is in two splits`, line);
}

/** Passes a file's bytes to `read`, and reports where they are not the ones that SHA256SUMS says. */
async function readHashed(check: Check, path: string, read: (chunks: AsyncIterable<Buffer>) => Promise<void>): Promise<void> {
  const { version, store, signal, sums, report } = check;
  using file = await openPublished(store, `${version}/${path}`, signal).catch((error: unknown) =>
    reportUnreadable(error, { path, report }),
  );
  if (file === null) return; // compareListing() has reported a missing file.
  let found: string;
  try {
    await read(file.chunks);
    found = await file.sha256();
  } catch (error) {
    if (!isDamage(error) && unreadableReason(error) === null) throw error;
    return report(path, `cannot be read to its end: ${messageOf(error)}`);
  }
  const sum = sums.get(path);
  if (sum !== undefined && sum !== found) report(path, "does not have the SHA-256 that SHA256SUMS says");
}

/** Reports why one file cannot be read. @throws any error that is not about this file alone. */
function reportUnreadable(error: unknown, { path, report }: { readonly path: string } & Pick<Check, "report">): null {
  const reason = unreadableReason(error);
  if (reason === null) throw error;
  report(path, reason);
  return null;
}
