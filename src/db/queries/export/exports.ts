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

/** What is kept of a complete version. */
export interface ExportFacts {
  readonly kind: VersionKind;
  /** Null where neither its manifest nor anybody who read its files has said it. */
  readonly contentSha256: string | null;
  readonly rows: number;
}

export interface ExportKey {
  /** Where the version lies now: `file:///…` or `s3://…`. */
  readonly uri: string;
  readonly version: string;
}

/** Versions that were begun at a place, oldest first. */
export function listExports({ orm, file }: Pick<Db, "orm" | "file">, uri: string): readonly ExportVersion[] {
  const rows = orm
    .select()
    .from(exports)
    .where(eq(exports.place, exportPlaceOf(uri, dirname(file))))
    .orderBy(asc(exports.createdAtMs), asc(exports.version))
    .all();
  return rows.map((row) => exportVersion(row, uri));
}

/** Everything that was ever exported, wherever it lies. */
export function allExports({ orm, file }: Pick<Db, "orm" | "file">): readonly ExportVersion[] {
  const rows = orm.select().from(exports).orderBy(asc(exports.place), asc(exports.createdAtMs), asc(exports.version)).all();
  return rows.map((row) => exportVersion(row, exportUriOf(row.place, dirname(file))));
}

function exportVersion({ place: _place, kind, ...version }: typeof exports.$inferSelect, uri: string): ExportVersion {
  return { ...version, kind: kind as VersionKind | null, uri }; // The column's CHECK allows no other.
}

/** Later than every version at the place, also where the clock was set back: their order says which is newest. */
function momentAfter({ orm }: Pick<Db, "orm">, place: string, nowMs: number): number {
  const last = orm
    .select({ ms: sql<number | null>`max(${exports.createdAtMs})` })
    .from(exports)
    .where(eq(exports.place, place))
    .get();
  return Math.max(nowMs, (last?.ms ?? -1) + 1);
}

/** Says that a version is being written; one that was begun before keeps its time. */
export function beginExport({ orm, file }: Pick<Db, "orm" | "file">, { uri, version }: ExportKey, nowMs: number): void {
  const place = exportPlaceOf(uri, dirname(file));
  orm
    .insert(exports)
    .values({ place, version, state: "writing", createdAtMs: momentAfter({ orm }, place, nowMs) })
    .onConflictDoUpdate({
      target: [exports.place, exports.version],
      set: { state: "writing", kind: null, contentSha256: null, rows: null },
    })
    .run();
}

/** Says that a version that was complete before is what the dataset is today: it counts as exported now. */
export function renewExport(
  { orm, file }: Pick<Db, "orm" | "file">,
  { uri, version }: ExportKey,
  { nowMs, ...facts }: ExportFacts & { readonly nowMs: number },
): void {
  const place = exportPlaceOf(uri, dirname(file));
  const set = { ...facts, createdAtMs: momentAfter({ orm }, place, nowMs), state: "complete" };
  orm
    .insert(exports)
    .values({ place, version, ...set })
    .onConflictDoUpdate({ target: [exports.place, exports.version], set })
    .run();
}

/** Keeps what was read of a version that its row did not say, so that it is read once. */
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

/** Says that the last file of a version is there. */
export function completeExport({ orm, file }: Pick<Db, "orm" | "file">, { uri, version }: ExportKey, facts: ExportFacts): void {
  orm
    .update(exports)
    .set({ ...facts, state: "complete" })
    .where(and(eq(exports.place, exportPlaceOf(uri, dirname(file))), eq(exports.version, version)))
    .run();
}

/** Prompts that the configuration asks for. */
export function countActivePrompts({ orm }: Pick<Db, "orm">): number {
  return (
    orm
      .select({ count: sql<number>`count(*)` })
      .from(prompts)
      .where(eq(prompts.active, 1))
      .get()?.count ?? 0
  );
}

/** The split ratios decided by the first export, JSON; null before it. */
export function decidedSplits({ orm }: Pick<Db, "orm">): string | null {
  return orm.select({ splits: dataset.splits }).from(dataset).get()?.splits ?? null;
}

/** Decides the ratios for ever: what was decided before stays and is answered. */
export function decideSplits({ client }: Pick<Db, "client">, splits: string): string {
  const decided = client.prepare<[string], string>(`update dataset set splits = coalesce(splits, ?) returning splits`).pluck().get(splits);
  if (decided === undefined) throw new Error("the database holds no dataset row");
  return decided;
}
