import { readText } from "./published-file.ts";
import { FatalError } from "../../../errors.ts";
import { isJsonObject, parseExact, type Json } from "../../../lib/exact-json.ts";
import { findTable } from "../tables/registry.ts";
import { parseChecksums, CHECKSUMS, sha256Of } from "../make/checksums.ts";
import { lineStripper, readImagePlace } from "./content-digest.ts";
import type { DataFile } from "../make/manifest.ts";
import { isLineFile, readLineage, type Lineage, type LineageNeeds } from "./read-lineage.ts";
import { readPublishedRows, type PublishedRow, type ReadRowsNeeds } from "./read-published-rows.ts";

export type RowChange = "came" | "went" | "changed" | "moved";

export interface ChangedRow {
  readonly table: string;
  readonly id: string;
  readonly change: RowChange;
  /** Its split before. Null for a row that came. */
  readonly from: string | null;
  /** Its split now. Null for a row that went. */
  readonly to: string | null;
  /** Top-level keys whose values differ. Empty where the row came, went or only moved. */
  readonly columns: readonly string[];
}

export interface SplitDiff {
  readonly table: string;
  readonly split: string;
  readonly same: number;
  readonly came: number;
  readonly went: number;
  /** Rows with the same id in the same split and other bytes. */
  readonly changed: number;
  /** Rows with the same id that were in another split before. */
  readonly movedHere: number;
  /** Changed rows of the split, by column. */
  readonly columns: Readonly<Record<string, number>>;
}

/** Files that are not compared row by row, only as a whole. */
export interface FilesDiff {
  readonly table: string;
  /** `jsonl`, or a format with images. */
  readonly format: string;
  readonly equal: boolean;
}

export interface VersionDiff {
  readonly splits: readonly SplitDiff[];
  /** Tables whose rows have no ids or stand in another order, and formats with images. */
  readonly files: readonly FilesDiff[];
}

export interface DiffNeeds extends LineageNeeds, ReadRowsNeeds {
  readonly store: LineageNeeds["store"] & ReadRowsNeeds["store"];
  /** Called for every row that differs, by table and id. */
  readonly onRow: (row: ChangedRow) => void;
  /** Throws where it is to stop. */
  readonly checkpoint: () => Promise<void>;
}

/** Rows between two checks whether to stop. */
const ROWS_A_CHECK = 1_000;

/**
 * Compares two versions row by row. Both are read once, side by side in the order of ids, so that memory does not grow with them. A part
 * (`export --since`) stands for all that it builds on, too.
 * @throws {ConfigError} for a version that does not exist.
 * @throws {FatalError} for damaged files.
 */
export async function diffVersions(before: string, after: string, needs: DiffNeeds): Promise<VersionDiff> {
  const [first, second] = [await readLineage(before, needs), await readLineage(after, needs)];
  const tables = new Set([...listTables(first), ...listTables(second)]);
  const bytesOf = await rowBytes([...first, ...second], needs);
  const splits: SplitDiff[] = [];
  const files: FilesDiff[] = [];
  for (const table of tables) {
    const [ours, theirs] = [listFiles(first, table), listFiles(second, table)];
    if (isSorted(first, table) && isSorted(second, table)) splits.push(...(await diffTable(table, [ours, theirs], { ...needs, bytesOf })));
    else files.push({ table, format: "jsonl", equal: joinSums(ours) === joinSums(theirs) });
  }
  files.push(...(await diffFormats([first, second], needs)));
  return { splits, files };
}

type RowBytes = (version: string, bytes: Buffer) => Buffer;

/** Returns what is compared of a row. Where the store lay in several places, rows are compared without the places. */
async function rowBytes(versions: Lineage[0][], needs: DiffNeeds): Promise<RowBytes> {
  const prefixes = new Map<string, string>();
  for (const version of versions) prefixes.set(version.version, (await readImagePlace(version, needs)).prefix);
  if (new Set(prefixes.values()).size === 1) return (_, bytes) => bytes;
  const strippers = new Map([...prefixes].map(([version, prefix]) => [version, lineStripper(prefix)]));
  return (version, bytes) => Buffer.from(strippers.get(version)?.(bytes) ?? "", "latin1");
}

/** Compares formats with images by their checksums, which are in SHA256SUMS and not in the manifest. */
async function diffFormats([before, after]: readonly [Lineage, Lineage], needs: DiffNeeds): Promise<readonly FilesDiff[]> {
  const formats = new Set([...before, ...after].flatMap(({ manifest }) => manifest.imageFormats));
  if (formats.size === 0) return [];
  const [ours, theirs] = [await readSums(before, needs), await readSums(after, needs)];
  const sumsIn = (sums: typeof ours, format: string): string =>
    sums
      .filter(([path]) => path.startsWith(`${format}/`))
      .map((entry) => entry.join(" "))
      .toSorted()
      .join("\n");
  // Each format holds the pairs of the rows, whichever tables there are.
  return [...formats].map((format) => ({ table: "pairs", format, equal: sumsIn(ours, format) === sumsIn(theirs, format) }));
}

async function readSums(lineage: Lineage, { store, signal }: DiffNeeds): Promise<readonly (readonly [path: string, sha256: string])[]> {
  const all: (readonly [string, string])[] = [];
  for (const { version, manifest } of lineage) {
    const sums = (await readText(store, `${version}/${CHECKSUMS}`, signal)) ?? "";
    if (sha256Of(sums) !== manifest.checksumsSha256) {
      throw new FatalError(`Cannot read ${version}/${CHECKSUMS}: it is not the file that the manifest was written with`, {
        hint: `verify ${version}`,
      });
    }
    all.push(...parseChecksums(sums));
  }
  return all;
}

interface VersionFile extends DataFile {
  readonly version: string;
}

function listTables(lineage: Lineage): readonly string[] {
  return lineage.flatMap(({ manifest }) => manifest.files.filter(isLineFile).map(({ table }) => table));
}

function listFiles(lineage: Lineage, table: string): readonly VersionFile[] {
  return lineage.flatMap(({ version, manifest }) =>
    manifest.files.filter((file) => isLineFile(file) && file.table === table).map((file) => ({ ...file, version })),
  );
}

/** Returns true where the rows of a table can be read side by side. Minimal rows have no ids. */
function isSorted(lineage: Lineage, table: string): boolean {
  if (table === "default") return lineage.every(({ manifest }) => manifest.layout.fields === "full");
  return findTable(table)?.isSorted === true;
}

function joinSums(files: readonly VersionFile[]): string {
  return files.map(({ split, sha256 }) => `${split} ${sha256}`).join();
}

async function diffTable(
  table: string,
  [before, after]: readonly [readonly VersionFile[], readonly VersionFile[]],
  { store, signal, onRow, checkpoint, bytesOf }: DiffNeeds & { readonly bytesOf: RowBytes },
): Promise<readonly SplitDiff[]> {
  const counts = new Map<string, Counts>();
  const countsOf = (split: string): Counts => counts.get(split) ?? counts.set(split, newCounts()).get(split) ?? newCounts();
  const streamOf = (files: readonly VersionFile[]): AsyncGenerator<PublishedRow> =>
    mergeById(
      [...Map.groupBy(files, ({ version, split }) => `${version}/${split}`).values()].map((own) =>
        readBytes(own, { store, signal, bytesOf }),
      ),
    );
  let rows = 0;
  for await (const [was, is] of sideBySide(streamOf(before), streamOf(after))) {
    if (rows++ % ROWS_A_CHECK === 0) await checkpoint();
    const changed = compare(table, was, is);
    if (changed === null) countsOf(is?.split ?? "").same++;
    else {
      addTo(countsOf(changed.to ?? changed.from ?? ""), changed);
      onRow(changed);
    }
  }
  const bySplit = [...counts].toSorted(([first], [second]) => (first < second ? -1 : 1));
  return bySplit.map(([split, { columns, ...own }]) => ({ table, split, ...own, columns: Object.fromEntries(columns) }));
}

interface Reading extends Pick<DiffNeeds, "store" | "signal"> {
  readonly bytesOf: RowBytes;
}

async function* readBytes(files: readonly VersionFile[], { bytesOf, ...needs }: Reading): AsyncGenerator<PublishedRow> {
  const version = files[0]?.version ?? "";
  for await (const row of readPublishedRows({ files, version }, needs)) yield { ...row, bytes: bytesOf(version, row.bytes) };
}

/** Yields pairs of rows with one id, in the order of ids. One of them is undefined where only the other version has it. */
async function* sideBySide(
  before: AsyncGenerator<PublishedRow>,
  after: AsyncGenerator<PublishedRow>,
): AsyncGenerator<readonly [PublishedRow | undefined, PublishedRow | undefined]> {
  const next = async (rows: AsyncGenerator<PublishedRow>): Promise<PublishedRow | undefined> => {
    const { done, value } = await rows.next();
    return done === true ? undefined : value;
  };
  try {
    let [was, is] = [await next(before), await next(after)];
    while (was !== undefined || is !== undefined) {
      const order = was === undefined ? 1 : is === undefined ? -1 : was.id < is.id ? -1 : Number(was.id > is.id);
      yield [order <= 0 ? was : undefined, order >= 0 ? is : undefined];
      [was, is] = [order <= 0 ? await next(before) : was, order >= 0 ? await next(after) : is];
    }
  } finally {
    await before.return(undefined);
    await after.return(undefined);
  }
}

/** Compares two rows; null where nothing differs. */
function compare(table: string, was: PublishedRow | undefined, is: PublishedRow | undefined): ChangedRow | null {
  const about = { table, id: (is ?? was)?.id ?? "", from: was?.split ?? null, to: is?.split ?? null };
  if (was === undefined) return { ...about, change: "came", columns: [] };
  if (is === undefined) return { ...about, change: "went", columns: [] };
  const columns = was.bytes.equals(is.bytes) ? [] : changedColumns(was.bytes, is.bytes);
  if (was.split !== is.split) return { ...about, change: "moved", columns };
  return columns.length === 0 ? null : { ...about, change: "changed", columns };
}

/** Lists the columns that differ. Never empty for rows whose bytes differ. */
function changedColumns(was: Buffer, is: Buffer): readonly string[] {
  const [first, second] = [columnsOf(was), columnsOf(is)];
  const names = [...new Set([...first.keys(), ...second.keys()])];
  const changed = names.filter((name) => first.get(name) !== second.get(name));
  return changed.length === 0 ? ["(spelling)"] : changed;
}

function columnsOf(line: Buffer): ReadonlyMap<string, string> {
  let row: Json;
  try {
    row = parseExact(line.toString("utf8"));
  } catch {
    return new Map(); // SyntaxError: the columns are not known, so that only the spelling can be said to differ.
  }
  return new Map(isJsonObject(row) ? Object.entries(row).map(([name, value]) => [name, spell(value)]) : []);
}

/** Writes a value as text. Seeds over 2^53 are bigints. */
function spell(value: Json | undefined): string {
  return JSON.stringify(value, (_, inner: unknown) => (typeof inner === "bigint" ? `${inner}n` : inner)) ?? "";
}

interface Counts {
  same: number;
  came: number;
  went: number;
  changed: number;
  movedHere: number;
  readonly columns: Map<string, number>;
}

function newCounts(): Counts {
  return { same: 0, came: 0, went: 0, changed: 0, movedHere: 0, columns: new Map() };
}

function addTo(counts: Counts, { change, columns }: ChangedRow): void {
  counts[change === "moved" ? "movedHere" : change]++;
  for (const name of columns) counts.columns.set(name, (counts.columns.get(name) ?? 0) + 1);
}

/** Merges streams, each in the order of ids, into one. Holds one item of each. */
export async function* mergeById<Item extends { readonly id: string }>(streams: readonly AsyncIterator<Item>[]): AsyncGenerator<Item> {
  const heads = await Promise.all(streams.map((stream) => stream.next()));
  try {
    for (;;) {
      let first: { readonly item: Item; readonly index: number } | undefined;
      for (const [index, head] of heads.entries()) {
        if (head.done !== true && (first === undefined || head.value.id < first.item.id)) first = { item: head.value, index };
      }
      if (first === undefined) return;
      yield first.item;
      heads[first.index] = (await streams[first.index]?.next()) ?? { done: true, value: undefined };
    }
  } finally {
    // Who stops early must leave no file open.
    for (const stream of streams) await stream.return?.();
  }
}
