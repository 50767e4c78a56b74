import { dirname } from "node:path";
import { and, asc, eq, sql } from "../../drizzle.ts";
import { exportPlaceOf, exportUriOf } from "../../export-place.ts";
import type { Db } from "../../open.ts";
import { dataset, exports, prompts } from "../../schema/tables.ts";

/** A version of the dataset at one place: `writing` until its last file is there. */
export type ExportVersion = Omit<typeof exports.$inferSelect, "place" | "kind"> &
  Pick<ExportKey, "uri"> & { readonly kind: VersionKind | null };

/** `whole`: all that the configuration asks for; `trial`: of fewer prompts (--prompts); `part`: what an earlier version lacks (--since). */
export type VersionKind = "whole" | "trial" | "part";

/** Facts of a complete version that the database keeps. */
export interface ExportFacts {
  readonly kind: VersionKind;
  /** Null where neither its manifest has it nor anybody has read its files. */
  readonly contentSha256: string | null;
  readonly rows: number;
}

export interface ExportKey {
  /** Place of the version today: `file:///…` or `s3://…`. */
  readonly uri: string;
  readonly version: string;
}

/** Lists the versions that were begun at a place, oldest first. */
export function listExports({ orm, file }: Pick<Db, "orm" | "file">, uri: string): readonly ExportVersion[] {
  const rows = orm
    .select()
    .from(exports)
    .where(eq(exports.place, exportPlaceOf(uri, dirname(file))))
    .orderBy(asc(exports.createdAtMs), asc(exports.version))
    .all();
  return rows.map((row) => exportVersion(row, uri));
}

/** Lists all versions, wherever they lie. */
export function allExports({ orm, file }: Pick<Db, "orm" | "file">): readonly ExportVersion[] {
  const rows = orm.select().from(exports).orderBy(asc(exports.place), asc(exports.createdAtMs), asc(exports.version)).all();
  return rows.map((row) => exportVersion(row, exportUriOf(row.place, dirname(file))));
}

function exportVersion({ place: _place, kind, ...version }: typeof exports.$inferSelect, uri: string): ExportVersion {
  return { ...version, kind: kind as VersionKind | null, uri }; // The column's CHECK allows no other.
}

/** Returns a time later than every version at the place, also where the clock was set back: their order says which is newest. */
function chooseTimeAfter({ orm }: Pick<Db, "orm">, place: string, nowMs: number): number {
  const last = orm
    .select({ ms: sql<number | null>`max(${exports.createdAtMs})` })
    .from(exports)
    .where(eq(exports.place, place))
    .get();
  return Math.max(nowMs, (last?.ms ?? -1) + 1);
}

/** Records that a version is being written. One that was begun before keeps its time. */
export function beginExport({ orm, file }: Pick<Db, "orm" | "file">, { uri, version }: ExportKey, nowMs: number): void {
  const place = exportPlaceOf(uri, dirname(file));
  orm
    .insert(exports)
    .values({ place, version, state: "writing", createdAtMs: chooseTimeAfter({ orm }, place, nowMs) })
    .onConflictDoUpdate({
      target: [exports.place, exports.version],
      set: { state: "writing", kind: null, contentSha256: null, rows: null },
    })
    .run();
}

/** Records that a version that was complete before is what the dataset is today. It counts as exported now. */
export function renewExport(
  { orm, file }: Pick<Db, "orm" | "file">,
  { uri, version }: ExportKey,
  { nowMs, ...facts }: ExportFacts & { readonly nowMs: number },
): void {
  const place = exportPlaceOf(uri, dirname(file));
  const set = { ...facts, createdAtMs: chooseTimeAfter({ orm }, place, nowMs), state: "complete" };
  orm
    .insert(exports)
    .values({ place, version, ...set })
    .onConflictDoUpdate({ target: [exports.place, exports.version], set })
    .run();
}

/** Keeps facts that were read from a version and are not in its row, so that they are read once. */
export function keepExportFacts(
  { orm, file }: Pick<Db, "orm" | "file">,
  { uri, version }: ExportKey,
  { kind, contentSha256 }: Pick<ExportFacts, "kind" | "contentSha256">,
): void {
  const set = { kind: sql`coalesce(${exports.kind}, ${kind})`, contentSha256: sql`coalesce(${exports.contentSha256}, ${contentSha256})` };
  orm
    .update(exports)
    .set(set)
    .where(and(eq(exports.place, exportPlaceOf(uri, dirname(file))), eq(exports.version, version)))
    .run();
}

/** Records that the last file of a version is there. */
export function completeExport({ orm, file }: Pick<Db, "orm" | "file">, { uri, version }: ExportKey, facts: ExportFacts): void {
  orm
    .update(exports)
    .set({ ...facts, state: "complete" })
    .where(and(eq(exports.place, exportPlaceOf(uri, dirname(file))), eq(exports.version, version)))
    .run();
}

/** Counts the prompts that the configuration asks for. */
export function countActivePrompts({ orm }: Pick<Db, "orm">): number {
  return (
    orm
      .select({ count: sql<number>`count(*)` })
      .from(prompts)
      .where(eq(prompts.active, 1))
      .get()?.count ?? 0
  );
}

/** Returns the split ratios that the first export decided, JSON; null before it. */
export function decidedSplits({ orm }: Pick<Db, "orm">): string | null {
  return orm.select({ splits: dataset.splits }).from(dataset).get()?.splits ?? null;
}

/** Decides the ratios for ever. Returns those that hold: what was decided before stays. */
export function decideSplits({ client }: Pick<Db, "client">, splits: string): string {
  const decided = client.prepare<[string], string>(`update dataset set splits = coalesce(splits, ?) returning splits`).pluck().get(splits);
  if (decided === undefined) throw new Error("the database holds no dataset row");
  return decided;
}
