import { dirname } from "node:path";
import { and, asc, eq, sql } from "../drizzle.ts";
import { exportPlaceOf, exportUriOf } from "../export-place.ts";
import type { Db } from "../open.ts";
import { dataset, exports, prompts } from "../schema.ts";

/** A version of the dataset at one place: `writing` until its last file is there. */
export type ExportVersion = Omit<typeof exports.$inferSelect, "place"> & Pick<ExportKey, "uri">;

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
  return rows.map(({ place: _place, ...version }) => ({ ...version, uri }));
}

/** Everything that was ever exported, wherever it lies. */
export function allExports({ orm, file }: Pick<Db, "orm" | "file">): readonly ExportVersion[] {
  const rows = orm.select().from(exports).orderBy(asc(exports.place), asc(exports.createdAtMs), asc(exports.version)).all();
  return rows.map(({ place, ...version }) => ({ ...version, uri: exportUriOf(place, dirname(file)) }));
}

/** Says that a version is being written; one that was begun before keeps its time. */
export function beginExport({ orm, file }: Pick<Db, "orm" | "file">, { uri, version }: ExportKey, nowMs: number): void {
  orm
    .insert(exports)
    .values({ place: exportPlaceOf(uri, dirname(file)), version, state: "writing", createdAtMs: nowMs })
    .onConflictDoUpdate({ target: [exports.place, exports.version], set: { state: "writing", contentSha256: null, rows: null } })
    .run();
}

/** Says that the last file of a version is there. */
export function completeExport(
  { orm, file }: Pick<Db, "orm" | "file">,
  { uri, version }: ExportKey,
  content: { readonly contentSha256: string; readonly rows: number },
): void {
  orm
    .update(exports)
    .set({ ...content, state: "complete" })
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
